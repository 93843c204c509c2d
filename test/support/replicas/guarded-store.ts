import type { KeyValue } from "../../../src/state/keyvalue.ts";

/** A store that runs `guard` before each call and before each change that a watch yields. `guard` may throw. */
export function guardedStore(store: KeyValue, guard: () => void | Promise<void>): KeyValue {
  const guarded = async <Result>(work: () => Promise<Result>): Promise<Result> => {
    await guard();
    return work();
  };
  return {
    get: (key) => guarded(() => store.get(key)),
    create: (...args) => guarded(() => store.create(...args)),
    update: (...args) => guarded(() => store.update(...args)),
    writeAll: (writes) => guarded(() => store.writeAll(writes)),
    delete: (key) => guarded(() => store.delete(key)),
    list: (prefix) => guarded(() => store.list(prefix)),
    async *watch(prefix, signal) {
      for await (const change of store.watch(prefix, signal)) {
        await guard();
        yield change;
      }
    },
  };
}
