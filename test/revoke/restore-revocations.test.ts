import test from "ava";
import { parseRevocation, type Revocation, revocationKey } from "../../src/revoke/revocation.ts";
import { restoreRevocations } from "../../src/revoke/revocations.ts";
import { type KeyValue, StateError } from "../../src/state/keyvalue.ts";
import { createMemoryKeyValue } from "../../src/state/memory.ts";

const NOW = 1_700_000_000_000;
const revocations = ["a", "b", "c"].map(
  (tokenId): Revocation => ({ kind: "token", profile: "service", tenant: "", at: NOW, until: NOW + 1_000, tokenId }),
);

/** A store whose second creation fails, and its reported problems. */
function fixture(error: Error) {
  const below = createMemoryKeyValue(() => NOW);
  const problems: unknown[] = [];
  let creations = 0;
  const store: KeyValue = {
    get: below.get,
    update: below.update,
    delete: below.delete,
    list: below.list,
    watch: below.watch,
    async create(...write) {
      creations += 1;
      if (creations === 2) throw error;
      return below.create(...write);
    },
  };
  const held = async () => {
    const entries = await Promise.all(revocations.map((one) => below.get(revocationKey(one))));
    return entries.flatMap((entry) => (entry === undefined ? [] : [parseRevocation(entry)]));
  };
  const again = (signal = new AbortController().signal) =>
    restoreRevocations(store, revocations, signal, (problem) => problems.push(problem));
  return { problems, held, again };
}

test("what a store could not take is reported, and written again until the store has all", async (t) => {
  const error = new StateError("UNAVAILABLE", "away");
  const { problems, held, again } = fixture(error);
  await again();
  t.deepEqual(await held(), revocations);
  t.deepEqual(problems, [error]);
});

test("a store that is lost meanwhile is left: its watch ends too, and begins again", async (t) => {
  const error = new StateError("LOST", "gone");
  const { problems, held, again } = fixture(error);
  await again();
  t.deepEqual(await held(), revocations.slice(0, 1));
  t.deepEqual(problems, [error]);
});

test("a stop ends it before the next one is given", async (t) => {
  const { problems, held, again } = fixture(new Error("never"));
  await again(AbortSignal.abort());
  t.deepEqual([await held(), problems], [[], []]);
});
