import { CodedError } from "../coded-error.ts";

/** A stored value, with the revision that {@link KeyValue.update} takes to replace it. */
export interface Entry {
  readonly key: string;
  readonly value: Uint8Array;
  /** Grows with every write to the store, and is never reused. */
  readonly revision: number;
  /** Unix milliseconds from which on the entry is absent. Stored in the entry, since it disappears without a trace. */
  readonly expiresAt?: number;
}

/**
 * What a watch yields. `current` comes once, after every entry that existed when the watch began. `gap` comes after an
 * outage, before the changes that were made meanwhile: of those, only the last one of each key follows.
 */
export type Change =
  | { readonly type: "put"; readonly entry: Entry }
  | { readonly type: "delete"; readonly key: string }
  | { readonly type: "current" }
  | { readonly type: "gap" };

/** How a value is written. */
export interface WriteOptions {
  readonly expiresAt?: number;
}

/** One write of {@link KeyValue.writeAll}. */
export interface EntryWrite extends WriteOptions {
  readonly key: string;
  readonly value: Uint8Array;
  /** The revision that it replaces. Undefined: it creates the key. */
  readonly revision?: number;
}

/**
 * A small store, the same for every replica. Keys are segments of `[A-Za-z0-9_-]+` joined by `/`; values have at most
 * 64 KiB in the state, and 512 KiB in the live store. In every implementation but memory, a write MUST be durable when it resolves. An implementation
 * MUST throw a {@link StateError} when it does not know whether a write happened.
 */
export interface KeyValue {
  /** The entry, or undefined when there is none or it has expired. */
  get(key: string): Promise<Entry | undefined>;
  /** Creates a key. Of any number of concurrent calls exactly one gets the revision; all others get undefined. */
  create(key: string, value: Uint8Array, options?: WriteOptions): Promise<number | undefined>;
  /** Replaces exactly this revision; undefined when the entry has another one, has expired or is gone. */
  update(key: string, value: Uint8Array, revision: number, options?: WriteOptions): Promise<number | undefined>;
  /**
   * Does many writes, each as `create` or `update` does, and returns their results in the same order. Throws BAD_KEY
   * when a key comes twice. An implementation MAY write all of them or, if one gets undefined, none; then all get
   * undefined. One that can't MUST wait for all of them, and throw if it does not know whether one of them happened.
   */
  writeAll(writes: readonly EntryWrite[]): Promise<readonly (number | undefined)[]>;
  /** Removes the entry if there is one. A key that MUST be created only once MUST NOT be deleted. */
  delete(key: string): Promise<void>;
  /** Every entry whose key begins with `prefix`, by revision. */
  list(prefix: string): Promise<readonly Entry[]>;
  /**
   * Yields every entry whose key begins with `prefix`, then `current`, then each change in the order of its revision.
   * The changes of one key may be merged into the last. Ends when `signal` aborts. Throws {@link StateError}: LOST when
   * the store is lost; UNAVAILABLE before `current` when it is unreachable. After `current` an outage delays changes
   * and loses none.
   */
  watch(prefix: string, signal: AbortSignal): AsyncIterable<Change>;
}

/**
 * Why the store could not serve. LOCKED: another opener uses it. CORRUPT: its content is damaged. EXPOSED: others may
 * access it. LOST: since it was opened it was removed, created again or rolled back; what was read may no
 * longer be in it, and the store must be opened again. UNAVAILABLE: closed, unreachable or failing; a write may have
 * happened, or may happen later. BAD_KEY, TOO_LARGE: the caller's error.
 */
export type StateErrorCode = "LOCKED" | "CORRUPT" | "EXPOSED" | "LOST" | "UNAVAILABLE" | "BAD_KEY" | "TOO_LARGE";

export class StateError extends CodedError<StateErrorCode> {}

/** Whether the store is closed, unreachable or failing: trying again later may help. */
export function isUnavailable(error: unknown): boolean {
  return error instanceof StateError && error.code === "UNAVAILABLE";
}

/**
 * Milliseconds until a watch that ended with `error` is opened again: short if LOST, as other replicas use the new
 * store already.
 */
export function pauseAfterWatch(error: unknown): number {
  return error instanceof StateError && error.code === "LOST" ? 250 : 5_000;
}

const KEY = /^[A-Za-z0-9_-]+(\/[A-Za-z0-9_-]+)*$/;
const PREFIX = /^([A-Za-z0-9_-]+\/)*[A-Za-z0-9_-]*$/;

/** The largest value of the state, which has keys and revocations. */
export const MAX_STATE_VALUE_BYTES = 64 * 1024;
/** The largest value of the live store, where one value may count thousands of sessions. */
export const MAX_LIVE_VALUE_BYTES = 512 * 1024;

/** Throws BAD_KEY unless `key` is segments of `[A-Za-z0-9_-]+` joined by `/`, which every adapter can encode. */
export function checkKey(key: string): void {
  if (!KEY.test(key))
    throw new StateError("BAD_KEY", `key ${JSON.stringify(key)}: allowed are segments of [A-Za-z0-9_-]+ joined by "/"`);
}

/** Throws BAD_KEY or TOO_LARGE unless every write is possible and has a key of its own. */
export function checkWrites(writes: readonly EntryWrite[], maxValueBytes: number): void {
  const keys = new Set<string>();
  for (const { key, value } of writes) {
    checkKey(key);
    checkValue(key, value, maxValueBytes);
    if (keys.has(key)) throw new StateError("BAD_KEY", `key ${JSON.stringify(key)} comes twice in one call`);
    keys.add(key);
  }
}

/** Throws BAD_KEY unless some key can begin with `prefix`. */
export function checkPrefix(prefix: string): void {
  if (!PREFIX.test(prefix))
    throw new StateError("BAD_KEY", `prefix ${JSON.stringify(prefix)}: no key can begin with it`);
}

/** Throws TOO_LARGE for a value of more than `maxBytes`. */
export function checkValue(key: string, value: Uint8Array, maxBytes: number): void {
  if (value.byteLength > maxBytes) {
    throw new StateError("TOO_LARGE", `value of ${key} has ${value.byteLength} bytes: at most ${maxBytes} are allowed`);
  }
}
