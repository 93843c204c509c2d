import { type KeyValue, StateError } from "../state/keyvalue.ts";

/**
 * A store that outlives its bucket: when the one below is LOST, for ever, it is opened anew for the calls that follow. What
 * was under way fails, watches too: who holds a part of the state puts it back when it watches again.
 */
export function createReopeningStore<Store extends KeyValue>(
  open: () => Store,
  lost: (error: StateError) => void,
): { readonly current: Store; readonly store: KeyValue } {
  let current = open();

  function renew(from: Store, error: unknown): void {
    if (!(error instanceof StateError && error.code === "LOST") || from !== current) return;
    current = open();
    lost(error);
  }

  async function using<Result>(work: (store: Store) => Promise<Result>): Promise<Result> {
    const store = current;
    try {
      return await work(store);
    } catch (error) {
      renew(store, error);
      throw error;
    }
  }

  return {
    get current() {
      return current;
    },
    store: {
      get: (key) => using((store) => store.get(key)),
      create: (key, value, options) => using((store) => store.create(key, value, options)),
      update: (key, value, revision, options) => using((store) => store.update(key, value, revision, options)),
      delete: (key) => using((store) => store.delete(key)),
      list: (prefix) => using((store) => store.list(prefix)),
      async *watch(prefix, signal) {
        const store = current;
        try {
          yield* store.watch(prefix, signal);
        } catch (error) {
          renew(store, error);
          throw error;
        }
      },
    },
  };
}
