import { follow } from "../async/follow.ts";
import { createWakeup } from "../async/wakeup.ts";
import { type Entry, type KeyValue, pauseAfterWatch } from "../state/keyvalue.ts";
import { encodeGeneration, type Generation, idsOf, includes, parseGeneration } from "./generation.ts";

/**
 * The store of what changes with each use of a token. Unlike the state it can't be put back: what it has lost is known
 * nowhere else. So a reader must ask since when it has forgotten nothing.
 */
export interface LiveStore {
  /** Values have at most 512 KiB. Keys beginning with `meta` are taken. */
  readonly store: KeyValue;
  /** Undefined while it is unknown whether the store has forgotten something: nothing in it can be relied on. */
  generation(): Generation | undefined;
  /** Whether the store was lost less than `ms` ago, or it is unknown. */
  isSettling(ms: number): boolean;
}

export interface LiveStoreOptions {
  /** When it throws LOST, {@link OpenLiveStore.lost} MUST be called, and the calls that follow go to the new store. */
  readonly store: KeyValue;
  /** Rejects with LOST, as the store does, unless it is still the one that was opened. */
  readonly look: () => Promise<void>;
  /**
   * Another number after each outage, during which the store may have been exchanged: what was known before does not
   * count.
   */
  readonly outages: () => number;
  /** The state, which names the generation too: so the loss of one of the two is noticed. */
  readonly state: KeyValue;
  /** The generation that this replica knew before its start: so the loss of both is noticed. */
  readonly remembered: string | undefined;
  /** Never rejects. */
  readonly remember: (id: string) => Promise<void>;
  readonly newId: () => string;
  /** Unix milliseconds. */
  readonly now: () => number;
  /** Milliseconds of a clock that is never set. */
  readonly monotonic: () => number;
  /** The latest time that the clock of the store may show now, in Unix milliseconds. */
  readonly storeTime: () => Promise<number>;
  /** The most by which clocks may differ, in milliseconds. */
  readonly skewMs: number;
  /** Called when a generation begins. `lost`: not the first one. */
  readonly onBegun: (lost: boolean) => void;
  /** Called for every failed attempt, each of which is followed by another. */
  readonly onError: (error: unknown) => void;
}

export interface OpenLiveStore extends LiveStore {
  /** Resolves when the generation is known for the first time. */
  readonly opened: Promise<void>;
  /** The store was removed, created again or rolled back. */
  lost(): void;
  start(): void;
  /** Never rejects. */
  stop(): Promise<void>;
}

const META = "meta";
const RECORD = "live";
const RETRY_MS = 1_000;
/** In case a change was missed. */
const LOOK_MS = 60_000;

/** Keeps the generation in two places: in the live store itself, and in the state. */
export function createLiveStore(options: LiveStoreOptions): OpenLiveStore {
  const { store, look, outages, state, remember, newId, now, monotonic, storeTime, skewMs, onBegun, onError } = options;
  const stopping = new AbortController();
  const changed = createWakeup();
  const opened = Promise.withResolvers<void>();
  /** The generations of which this replica saw the end. */
  const over = new Set<string>();
  let known = options.remembered;
  /** The last one that was current. */
  let last: Generation | undefined;
  let current: Generation | undefined;
  /** When this replica learned that the last one had begun, by its monotonic clock: its wall clock may be set since. */
  let learnedAt = Number.NEGATIVE_INFINITY;
  /** The {@link LiveStoreOptions.outages} before the current one was read. */
  let outagesBefore = -1;
  let running: Promise<unknown> | undefined;

  async function keepCurrent(): Promise<void> {
    while (!stopping.signal.aborted) {
      const failed = await settle().then(() => false, onErrorOf);
      await changed.wait(stopping.signal, failed ? RETRY_MS : LOOK_MS);
    }
  }

  function onErrorOf(error: unknown): boolean {
    if (!stopping.signal.aborted) onError(error);
    return true;
  }

  /** Finds or begins the generation, until both places name the same one. */
  async function settle(): Promise<void> {
    while (!stopping.signal.aborted && !(await attempt()));
  }

  /** Whether both places name the same generation. Of replicas that begin one at once, one succeeds. */
  async function attempt(): Promise<boolean> {
    const before = outages();
    // First: a generation that others began after a loss must not count as the lost one.
    await look();
    const [meta, record] = [await store.get(META), await state.get(RECORD)];
    const found = meta && parseGeneration(meta);
    const named = record && parseGeneration(record);
    const ids = [named?.id, known].filter((id) => id !== undefined);
    if (found === undefined || over.has(found.id) || !ids.every((id) => includes(found, id))) {
      await begin(meta, [...ids, ...idsOf([found, named, last].filter((one) => one !== undefined))]);
      return false;
    }
    if (named?.id !== found.id) {
      await name(found, record);
      return false;
    }
    if (known !== found.id) await remember(found.id);
    // The store may have been lost since it was read.
    if (over.has(found.id)) return false;
    if (known !== undefined && known !== found.id) learnedAt = monotonic();
    known = found.id;
    last = found;
    current = found;
    outagesBefore = before;
    opened.resolve();
    return true;
  }

  async function begin(meta: Entry | undefined, before: readonly string[]): Promise<void> {
    const lost = meta !== undefined || before.length > 0;
    const since = lost ? await storeTime() : undefined;
    const next = encodeGeneration({ id: newId(), since, earlier: [...new Set(before)] });
    const written = meta ? store.update(META, next, meta.revision) : store.create(META, next);
    if ((await written) === undefined) return;
    learnedAt = monotonic();
    onBegun(lost);
  }

  async function name(found: Generation, record: Entry | undefined): Promise<void> {
    const value = encodeGeneration(found);
    if (record === undefined) await state.create(RECORD, value);
    else await state.update(RECORD, value, record.revision);
  }

  const generation = (): Generation | undefined => (outagesBefore === outages() ? current : undefined);

  return {
    store,
    generation,
    isSettling(ms) {
      const known = generation();
      if (known?.since === undefined) return known === undefined;
      const settleMs = skewMs + ms;
      return now() < known.since + settleMs || monotonic() < learnedAt + settleMs;
    },
    opened: opened.promise,
    lost() {
      const id = current?.id ?? known;
      if (id !== undefined) over.add(id);
      current = undefined;
      changed.wake();
    },
    start() {
      const watching = follow(
        {
          source: (signal) => store.watch(META, signal),
          onItem: changed.wake,
          onError: onErrorOf,
          pauseAfter: pauseAfterWatch,
        },
        stopping.signal,
      );
      running = Promise.all([keepCurrent(), watching]);
    },
    async stop() {
      stopping.abort();
      await running;
    },
  };
}

/**
 * Makes the state name a generation that no live store has: what an installation had used before its state was restored
 * is unknown. To be called before the first start over a restored state.
 */
export async function forgetGeneration(state: KeyValue): Promise<void> {
  await state.create(RECORD, encodeGeneration({ id: "restored", since: undefined, earlier: [] }));
}
