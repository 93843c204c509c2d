import { randomInt } from "node:crypto";
import test, { type ExecutionContext } from "ava";
import fc from "fast-check";
import { boundByRounds, rounds } from "../../support/rounds.ts";
import { act, anyAction } from "./lifecycle/actions.ts";
import { type Breakage, createWorld } from "./lifecycle/world.ts";
import { minute } from "./ring-under-test.ts";

test("whatever happens to replicas, their ring keeps its invariants", async (t) => {
  boundByRounds(t);
  const { failed, counterexample, error } = await check(t, {}, rounds(60));
  t.false(failed, `${error}\n${JSON.stringify(counterexample)}`);
});

for (const [broken, breakage, message] of [
  ["creations have several winners", { carelessCreations: true }, /has \d records/],
  ["verifiers keep a JWKS for longer than is configured", { verifierCache: 3 * minute }, /may hold a JWKS without/],
  ["a replica that is cut off issues without limit", { maxOffline: Infinity }, /may hold a JWKS without|lives/],
  ["a key is forgotten when it has signed for the last time", { forgetful: true }, /a token of it lives/],
] as const) {
  test(`negative control: that ${broken} is found out`, async (t) => {
    const { failed, error } = await check(t, breakage, 1000);
    t.true(failed);
    t.regex(String(error), message);
  });
}

async function check(t: ExecutionContext, breakage: Breakage, runs: number) {
  const seed = Number(process.env.TEST_SEED ?? randomInt(2 ** 31));
  t.log(`seed ${seed}: TEST_SEED=${seed} draws the same again`);
  const lives = fc.asyncProperty(
    fc.integer({ min: 1, max: 4 }),
    fc.array(anyAction, { maxLength: 40, size: "max" }),
    async (count, actions) => {
      const world = await createWorld(count, breakage);
      for (const action of actions) await act(world, action);
    },
  );
  const endOnFailure = Object.keys(breakage).length > 0;
  const { failed, counterexample, errorInstance } = await fc.check(lives, { seed, numRuns: runs, endOnFailure });
  return { failed, counterexample, error: errorInstance };
}
