import test from "ava";
import { boundByRounds, rounds } from "../../support/rounds.ts";
import { seededRandom } from "../../support/seeded-random.ts";
import { simulate } from "./simulation.ts";
import type { Breakage } from "./slow-store.ts";

const STEPS = 3_000;

test("gateways that obey never hold more than the limit, whatever happens to replicas and store", async (t) => {
  boundByRounds(t);
  const random = seededRandom(t);
  const total = new Map<string, number>();
  for (let round = 0; round < rounds(8); round++) {
    const { violation, counted, held, outcomes } = await simulate(random, STEPS);
    t.is(violation, undefined);
    t.deepEqual(counted, [held, held, held], "no slot is lost");
    for (const [outcome, count] of outcomes) total.set(outcome, (total.get(outcome) ?? 0) + count);
  }
  t.log(Object.fromEntries(total));
  // Otherwise nothing was tried.
  t.true((total.get("opened") ?? 0) > 20 * rounds(8));
  t.true((total.get("TOO_MANY_SESSIONS") ?? 0) > 0);
  t.true((total.get("SESSIONS_UNAVAILABLE") ?? 0) > 0);
});

for (const [what, broken] of [
  ["a counter without the atomic step", { notAtomic: true }],
  ["a lease that is not fenced", { notFenced: true }],
  ["a lease that leaves no time to the one that it replaces", { noGrace: true }],
] as const satisfies readonly (readonly [string, Breakage])[])
  test(`negative control: ${what} opens one too many`, async (t) => {
    boundByRounds(t);
    const random = seededRandom(t);
    let violation: string | undefined;
    // The rarest of them is seen in one of thirty rounds.
    for (let round = 0; round < 400 && violation === undefined; round++)
      violation = (await simulate(random, STEPS, broken)).violation;
    t.regex(violation ?? "", /^step \d+: [23] connections/);
  });
