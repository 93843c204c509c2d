import { CodedError } from "../coded-error.ts";

/** A stored value and the version of it that {@link KeyValue.update} may replace. */
export interface Entry {
  readonly key: string;
  readonly value: Uint8Array;
  /** Grows with every write of the store; never reused. */
  readonly revision: number;
  /** Unix milliseconds from which on the entry is absent. It is kept in the entry: stores forget it silently. */
  readonly expiresAt?: number;
}

/** What a watch tells. `current` comes once, after every entry that existed when the watch began. */
export type Change =
  | { readonly type: "put"; readonly entry: Entry }
  | { readonly type: "delete"; readonly key: string }
  | { readonly type: "current" };

/** How a value is written. */
export interface WriteOptions {
  readonly expiresAt?: number;
}

/**
 * The shared state: small, and the same for every replica. Keys are segments of `[A-Za-z0-9_-]+` joined by `/`, values at
 * most 64 KiB. An implementation MUST be durable when a write resolves (memory excepted), and MUST throw a
 * {@link StateError} when it cannot tell whether a write happened.
 */
export interface KeyValue {
  /** The entry, or undefined when there is none or it has expired. */
  get(key: string): Promise<Entry | undefined>;
  /** Claims a key. Of any number of concurrent calls exactly one gets the revision; all others get undefined. */
  create(key: string, value: Uint8Array, options?: WriteOptions): Promise<number | undefined>;
  /** Replaces exactly this revision; undefined when the entry has another one, expired or is gone. */
  update(key: string, value: Uint8Array, revision: number, options?: WriteOptions): Promise<number | undefined>;
  /** Removes the entry if there is one. A key whose creation is a claim MUST NOT be deleted. */
  delete(key: string): Promise<void>;
  /** Every entry whose key begins with `prefix`, as it is now, by revision. Throws {@link StateError} as `get` does. */
  list(prefix: string): Promise<readonly Entry[]>;
  /**
   * Every entry whose key begins with `prefix`, then `current`, then each change in the order of its revision. Changes
   * of one key may be merged into the last. Ends when `signal` aborts. Throws {@link StateError}: LOST when the store is,
   * UNAVAILABLE before `current` when it can't be reached; after `current` an outage delays the changes and loses none.
   */
  watch(prefix: string, signal: AbortSignal): AsyncIterable<Change>;
}

/**
 * Why the store could not serve. LOCKED: in use by another opener. CORRUPT: what it holds is damaged. EXPOSED: group or
 * others may read it. LOST: gone, made anew or rolled back since it was opened, for ever; what was read may not be in it
 * any more, and only a store that is opened anew can be used. UNAVAILABLE: closed, out of reach or failing; a write may
 * have happened or may yet. BAD_KEY, TOO_LARGE: the caller's fault.
 */
export type StateErrorCode = "LOCKED" | "CORRUPT" | "EXPOSED" | "LOST" | "UNAVAILABLE" | "BAD_KEY" | "TOO_LARGE";

export class StateError extends CodedError<StateErrorCode> {}

/** Whether the store is closed, unreachable or failing: trying again later may help. */
export function isUnavailable(error: unknown): boolean {
  return error instanceof StateError && error.code === "UNAVAILABLE";
}

/** Milliseconds until a watch that ended with `error` is opened again: a lost store has a successor that others already use. */
export function pauseAfterWatch(error: unknown): number {
  return error instanceof StateError && error.code === "LOST" ? 250 : 5_000;
}

const keyPattern = /^[A-Za-z0-9_-]+(\/[A-Za-z0-9_-]+)*$/;
const prefixPattern = /^([A-Za-z0-9_-]+\/)*[A-Za-z0-9_-]*$/;
const largestValue = 64 * 1024;

/** Throws BAD_KEY unless `key` is segments of `[A-Za-z0-9_-]+` joined by `/`: every adapter can spell those. */
export function checkKey(key: string): void {
  if (!keyPattern.test(key))
    throw new StateError("BAD_KEY", `key ${JSON.stringify(key)}: allowed are segments of [A-Za-z0-9_-]+ joined by "/"`);
}

/** Throws BAD_KEY unless some key can begin with `prefix`. */
export function checkPrefix(prefix: string): void {
  if (!prefixPattern.test(prefix))
    throw new StateError("BAD_KEY", `prefix ${JSON.stringify(prefix)}: no key can begin with it`);
}

/** Throws TOO_LARGE for a value of more than 64 KiB. */
export function checkValue(key: string, value: Uint8Array): void {
  if (value.byteLength > largestValue) {
    throw new StateError(
      "TOO_LARGE",
      `value of ${key} has ${value.byteLength} bytes: at most ${largestValue} are allowed`,
    );
  }
}
