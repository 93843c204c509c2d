import { type KeyValue, StateError } from "../state/keyvalue.ts";

export interface ReopeningStore<Store extends KeyValue> {
  /** The store that is open now. What it throws reopens nothing. */
  readonly current: Store;
  readonly store: KeyValue;
  /** Does the work with the store that is open now. */
  call<Result>(work: (store: Store) => Promise<Result>): Promise<Result>;
}

/**
 * A store that outlives its bucket. When the bucket is LOST, it is opened again for the calls that follow. Calls and
 * watches in flight fail; every replica writes its part of the state back when it watches again.
 */
export function createReopeningStore<Store extends KeyValue>(
  open: () => Store,
  onLost: (error: StateError) => void,
): ReopeningStore<Store> {
  let current = open();

  function reopenIfLost(from: Store, error: unknown): void {
    if (!(error instanceof StateError && error.code === "LOST") || from !== current) return;
    current = open();
    onLost(error);
  }

  async function call<Result>(work: (store: Store) => Promise<Result>): Promise<Result> {
    const store = current;
    try {
      return await work(store);
    } catch (error) {
      reopenIfLost(store, error);
      throw error;
    }
  }

  return {
    get current() {
      return current;
    },
    call,
    store: {
      get: (key) => call((store) => store.get(key)),
      create: (key, value, options) => call((store) => store.create(key, value, options)),
      update: (key, value, revision, options) => call((store) => store.update(key, value, revision, options)),
      writeAll: (writes) => call((store) => store.writeAll(writes)),
      delete: (key) => call((store) => store.delete(key)),
      list: (prefix) => call((store) => store.list(prefix)),
      async *watch(prefix, signal) {
        const store = current;
        try {
          yield* store.watch(prefix, signal);
        } catch (error) {
          reopenIfLost(store, error);
          throw error;
        }
      },
    },
  };
}
