import { setTimeout as pause } from "node:timers/promises";
import test from "ava";
import { waitUntil } from "../../support/wait-until.ts";
import { ATTACKS, type AttackName } from "./attacks.ts";
import { underAttack } from "./under-attack.ts";

const MOST_MIB = 300;

/** The attacks of each `make test`, which last for a second. `make soak` makes all of them, five seconds each. */
const SHORT: readonly AttackName[] = [
  "reflection answers that are never read",
  "60 000 silent streams",
  "40 000 unread answers",
];
const isSoak = process.env.SOAK !== undefined;

for (const name of isSoak ? (Object.keys(ATTACKS) as AttackName[]) : SHORT)
  test.serial(`${name} take less than ${MOST_MIB} MiB, and honest calls are answered`, async (t) => {
    t.timeout(300_000);
    const { service, peakMiB, metric, honestCalls } = await underAttack(t, name);
    await pause(isSoak ? 5_000 : 1_000);
    t.true((await honestCalls()) > 0);
    const peak = await peakMiB();
    t.log(`${Math.round(peak ?? 0)} MiB, ${await metric("signet_grpc_open_calls")} open calls`);
    t.is(service.process.child.exitCode ?? service.process.child.signalCode, null);
    t.true(peak !== undefined && peak < MOST_MIB, `${peak} MiB`);
  });

test.serial("without the bounds, silent streams take more than that", async (t) => {
  t.timeout(300_000);
  const without = { SIGNET_GRPC_MAX_OPEN_CALLS: "1000000", SIGNET_GRPC_MAX_BUFFERED_BYTES: String(2 ** 40) };
  const { peakMiB } = await underAttack(t, "60 000 silent streams", without);
  await waitUntil("the service takes more", async () => ((await peakMiB()) ?? 0) > MOST_MIB);
  t.pass();
});
