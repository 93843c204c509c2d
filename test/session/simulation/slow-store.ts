import { type Entry, type KeyValue, StateError } from "../../../src/state/keyvalue.ts";

/** What waits for the scheduler of a simulation. */
export interface Waiting {
  readonly replica: number;
  /** Executes the call, or lets the change pass. */
  go(): void;
  /** Fails the call before it is executed, or after. */
  fail(when: "before" | "after"): void;
}

/** How a simulated store is broken on purpose. */
export interface Breakage {
  /** Updates replace whatever there is. */
  readonly notAtomic?: boolean;
  /** A lease is judged by what the watch has shown, and ends without a write. */
  readonly notFenced?: boolean;
  /** A lease that replaces another one leaves it no time. */
  readonly noGrace?: boolean;
}

/** A lease whose predecessors count no longer. The value of a counter has no such text. */
function withoutGrace(value: Uint8Array): Uint8Array {
  const text = Buffer.from(value).toString("latin1");
  return Buffer.from(text.replace(/"graceMs":\d+/, '"graceMs":0'), "latin1");
}

/** The store as one replica reaches it: every call and every change of a watch waits until the scheduler takes it. */
export function slowStore(store: KeyValue, replica: number, waiting: Set<Waiting>, broken: Breakage): KeyValue {
  function turn<Result>(work: () => Promise<Result>): Promise<Result> {
    return new Promise((resolve, reject) => {
      const one: Waiting = {
        replica,
        go() {
          waiting.delete(one);
          work().then(resolve, reject);
        },
        fail(when) {
          waiting.delete(one);
          const fail = (): void => reject(new StateError("UNAVAILABLE", `cut off ${when} the call`));
          if (when === "before") fail();
          else work().then(fail, fail);
        },
      };
      waiting.add(one);
    });
  }

  const shown = new Map<string, Entry>();

  function get(key: string): Promise<Entry | undefined> {
    const known = shown.get(key);
    return broken.notFenced && known !== undefined ? Promise.resolve(known) : turn(() => store.get(key));
  }

  async function update(...[key, value, revision, options]: Parameters<KeyValue["update"]>) {
    const isLapse = key.startsWith("lease/") && Buffer.from(value).includes('"lapsed":true');
    if (broken.notFenced && isLapse) return revision;
    const present: Entry | undefined = broken.notAtomic ? await store.get(key) : undefined;
    return store.update(key, broken.noGrace ? withoutGrace(value) : value, present?.revision ?? revision, options);
  }

  return {
    get,
    create: (...args) => turn(() => store.create(...args)),
    update: (...args) => turn(() => update(...args)),
    writeAll: (writes) => turn(() => store.writeAll(writes)),
    delete: (key) => turn(() => store.delete(key)),
    list: (prefix) => turn(() => store.list(prefix)),
    async *watch(prefix, signal) {
      let isCurrent = false;
      for await (const change of store.watch(prefix, signal)) {
        if (isCurrent) await turn(async () => undefined).catch(() => undefined);
        isCurrent ||= change.type === "current";
        if (change.type === "put" && change.entry.key.startsWith("lease/")) shown.set(change.entry.key, change.entry);
        yield change;
      }
    },
  };
}
