import test from "ava";
import { parseRevocation, type Revocation, revocationKey } from "../../src/revoke/revocation.ts";
import { restoreRevocations } from "../../src/revoke/revocations.ts";
import { type KeyValue, StateError } from "../../src/state/keyvalue.ts";
import { createMemoryKeyValue } from "../../src/state/memory.ts";

const NOW = 1_700_000_000_000;
/** Three batches. */
const revocations = Array.from(
  { length: 500 },
  (_, at): Revocation => ({
    kind: "token",
    profile: "service",
    tenant: "",
    at: NOW,
    until: NOW + 1_000,
    tokenId: `t-${at}`,
  }),
);

/** A store whose second batch fails, its reported problems, and the number of its batches. */
function fixture(error: Error) {
  const below = createMemoryKeyValue(() => NOW);
  const problems: unknown[] = [];
  const batches: number[] = [];
  const store: KeyValue = {
    ...below,
    async writeAll(writes) {
      batches.push(writes.length);
      if (batches.length === 2) throw error;
      return below.writeAll(writes);
    },
  };
  const held = async () => {
    const entries = await Promise.all(revocations.map((one) => below.get(revocationKey(one))));
    return entries.flatMap((entry) => (entry === undefined ? [] : [parseRevocation(entry)]));
  };
  const again = (signal = new AbortController().signal) =>
    restoreRevocations(store, revocations, signal, (problem) => problems.push(problem));
  return { problems, batches, held, again };
}

test("what a store could not take is reported, and written again until the store has all", async (t) => {
  const error = new StateError("UNAVAILABLE", "away");
  const { problems, batches, held, again } = fixture(error);
  await again();
  t.deepEqual(await held(), revocations);
  t.deepEqual(batches, [200, 200, 200, 100]);
  t.deepEqual(problems, [error]);
});

test("a store that is lost meanwhile is left: its watch ends too, and begins again", async (t) => {
  const error = new StateError("LOST", "gone");
  const { problems, held, again } = fixture(error);
  await again();
  t.deepEqual(await held(), revocations.slice(0, 200));
  t.deepEqual(problems, [error]);
});

test("a stop ends it before the next one is given", async (t) => {
  const { problems, held, again } = fixture(new Error("never"));
  await again(AbortSignal.abort());
  t.deepEqual([await held(), problems], [[], []]);
});
