import test from "ava";
import { createReopeningStore } from "../../src/replica/reopening-store.ts";
import { type KeyValue, StateError } from "../../src/state/keyvalue.ts";
import { createMemoryKeyValue } from "../../src/state/memory.ts";
import { guardedStore } from "../support/replicas/guarded-store.ts";

const value = Buffer.from("value");

/** Stores that are lost when a test says so, the newest last. */
function renewableUnderTest() {
  const stores: { lost: boolean; readonly store: KeyValue }[] = [];
  const reports: StateError[] = [];
  const open = (): KeyValue => {
    const memory = createMemoryKeyValue(() => 1_800_000_000_000);
    const state = { lost: false, store: memory };
    stores.push(state);
    return guardedStore(memory, () => {
      if (state.lost) throw new StateError("LOST", "created again");
    });
  };
  return { ...createReopeningStore(open, (error) => void reports.push(error)), stores, reports };
}

test("a store that is lost is reported once, calls in flight fail, and later ones go to a new one", async (t) => {
  const { store, stores, reports } = renewableUnderTest();
  await store.create("a", value);
  const [first] = stores;
  if (first === undefined) return t.fail();
  first.lost = true;
  const failed = await Promise.allSettled([store.get("a"), store.create("b", value), store.delete("a")]);
  t.deepEqual(
    failed.map((one) => one.status === "rejected" && (one.reason as StateError).code),
    ["LOST", "LOST", "LOST"],
  );
  t.is(stores.length, 2);
  t.is(reports.length, 1);
  t.is(await store.get("a"), undefined);
  t.is(await store.create("a", value), 1);
});

test("a watch of a lost store ends with LOST, and the next one is of the new store", async (t) => {
  const { store, stores } = renewableUnderTest();
  await store.create("a", value);
  const watching = (async () => {
    for await (const change of store.watch("", new AbortController().signal)) {
      const [first] = stores;
      if (change.type === "current" && first !== undefined) {
        first.lost = true;
        await first.store.create("b", value);
      }
    }
  })();
  t.is((await t.throwsAsync<StateError>(watching)).code, "LOST");
  await store.create("c", value);
  for await (const change of store.watch("", new AbortController().signal)) {
    t.like(change, { entry: { key: "c" } });
    break;
  }
});

test("any other failure leaves the store as it is", async (t) => {
  let opened = 0;
  const { store } = createReopeningStore(
    () => {
      opened += 1;
      return createMemoryKeyValue(() => 0);
    },
    () => t.fail(),
  );
  t.is((await t.throwsAsync<StateError>(store.get("*"))).code, "BAD_KEY");
  t.is(opened, 1);
});
