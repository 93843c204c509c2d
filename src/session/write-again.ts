import { pause } from "../async/timeout.ts";
import type { Entry, KeyValue, WriteOptions } from "../state/keyvalue.ts";
import { sessionsContended, sessionsUnreachable } from "./problems.ts";

/** What to write over an entry, and what then is the result. */
interface Write<Result> {
  readonly value: Uint8Array;
  readonly options?: WriteOptions;
  readonly result: Result;
}

/** Decides about the present content of a key. Nothing to write: the result alone. */
export type Decide<Result> = (entry: Entry | undefined) => Write<Result> | { readonly result: Result };

export interface WriteParts {
  readonly store: KeyValue;
  /** Takes what was read or written. */
  readonly learn: (entry: Entry) => void;
  /** From 0 to 1: it spreads replicas that change one entry. */
  readonly random: () => number;
}

/** How often an entry is read again after another replica was faster. */
const ATTEMPTS = 40;
/** After so many attempts a pause comes before each: until then, the losers follow the winner. */
const AT_ONCE = 2;
const MOST_PAUSE_MS = 20;

/** What may be in the store. A wrong guess costs one write that fails. */
export interface Guess {
  /** Undefined: nothing. */
  readonly entry: Entry | undefined;
}

/**
 * Changes one entry by its revision: decides, writes, and begins again with a new reading if another writer was faster.
 * What is written over a guess is confirmed by its revision; "nothing to write" is decided again on a reading. Rejects
 * with the Problem SESSIONS_UNAVAILABLE; the write may then have happened.
 */
export async function writeAgain<Result>(
  { store, learn, random }: WriteParts,
  key: string,
  guess: Guess | undefined,
  decide: Decide<Result>,
): Promise<Result> {
  try {
    for (let attempt = guess === undefined ? 1 : 0; attempt <= ATTEMPTS; attempt++) {
      const isRead = attempt > 0;
      if (attempt > AT_ONCE) await pause(random() * MOST_PAUSE_MS);
      const entry = isRead ? await store.get(key) : guess?.entry;
      if (isRead && entry !== undefined) learn(entry);
      const decided = decide(entry);
      if (!("value" in decided)) {
        if (isRead) return decided.result;
        continue;
      }
      const revision = await write(store, key, entry, decided);
      if (revision === undefined) continue;
      learn({ key, value: decided.value, revision, ...decided.options });
      return decided.result;
    }
  } catch (error) {
    throw sessionsUnreachable(error);
  }
  throw sessionsContended();
}

function write(store: KeyValue, key: string, entry: Entry | undefined, { value, options }: Write<unknown>) {
  return entry === undefined ? store.create(key, value, options) : store.update(key, value, entry.revision, options);
}
