import test from "ava";
import { issue, startService, verify } from "../support/service/service.ts";
import { waitUntil } from "../support/wait-until.ts";

const DAY = 86_400_000;

test("after a clock jump past the whole ring, and after one back, issuing returns", async (t) => {
  let ahead = 0;
  const service = await startService(t, { surroundings: { now: () => Date.now() + ahead } });
  const before = await issue(service);

  ahead = 40 * DAY;
  await waitUntil("issuing returns", () => succeeds(issue(service)));
  const after = await issue(service);
  t.true((await verify(service, after.token)).valid);
  t.false((await verify(service, before.token)).valid);
  t.not(after.keyId, before.keyId);

  for (const step of [0, -40 * DAY, 400 * DAY, 0]) {
    ahead = step;
    await waitUntil(`issuing returns ${step / DAY} days ahead`, () => succeeds(issue(service)));
    t.true((await verify(service, (await issue(service)).token)).valid);
  }
});

function succeeds(call: Promise<unknown>): Promise<boolean> {
  return call.then(
    () => true,
    () => false,
  );
}
