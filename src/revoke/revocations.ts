import { type Following, follow } from "../async/follow.ts";
import { inTurns } from "../async/in-turns.ts";
import { createInbox } from "../async/inbox.ts";
import { createReportLimit } from "../async/report-limit.ts";
import { pause } from "../async/timeout.ts";
import { CodedError } from "../coded-error.ts";
import { Problem } from "../problem/problem.ts";
import { type Change, type Entry, type KeyValue, StateError } from "../state/keyvalue.ts";
import { inBatches, parseRevocation, REVOKED, type Revocation, revocationKey, storeRevocations } from "./revocation.ts";
import { createRevokedSet, type RevocableToken, type SubjectHashers } from "./revoked-set.ts";

/** A stored revocation that this replica can't apply: it takes what was revoked for valid. */
export class IneffectiveRevocation extends CodedError<"UNKNOWN_KEK" | "UNREADABLE"> {}

export interface RevocationsOptions {
  readonly store: KeyValue;
  /** Unix milliseconds. */
  readonly now: () => number;
  readonly hashers: SubjectHashers;
  /** Milliseconds since the store was last reached; 0 while it is reachable. `now` in Unix milliseconds. */
  readonly contactAgeMs: (now: number) => number;
  /**
   * What this replica knew at `asOf` (Unix milliseconds). With it, opening succeeds even while the store is
   * unreachable.
   */
  readonly snapshot?: { readonly asOf: number; readonly revocations: Iterable<Revocation> };
  /**
   * Called with an {@link IneffectiveRevocation}, and when the watch fails, which is then opened again after a pause.
   * At most 20 times in a minute: any client of the store can write entries.
   */
  readonly onProblem: (error: unknown) => void;
  /** Called for every 10 000 entries that were read, and with `complete` when they are all of at least so many. */
  readonly onProgress?: (read: number, complete: boolean) => void;
  /** Called with the number of revocations that the store had lost one by one, after they were stored again. */
  readonly onPutBack?: (count: number) => void;
}

/**
 * The revocations that this replica knows. An entry is forgotten only when it expires, whatever happens to the store.
 */
export interface Revocations {
  /** Whether the token is revoked. Answers from memory. */
  has(token: RevocableToken): boolean;
  /** How old the view is, in milliseconds; 0 while every change reaches it. `now` in Unix milliseconds. */
  viewAgeMs(now: number): number;
  /** Stores revocations for every replica. Rejects with a StateError when it is unknown whether they are stored. */
  revoke(revocations: readonly Revocation[]): Promise<void>;
  /** Every known revocation. */
  all(): Iterable<Revocation>;
  /**
   * Yields every known revocation, then "current", then each new one, until the signal aborts. Throws the Problem
   * SLOW_READER.
   */
  watch(signal: AbortSignal): AsyncIterable<Revocation | "current">;
  /**
   * Stores again, in the background, what is known here and no longer in the store. No watch shows an entry that NATS
   * purged, or that expired by a setting of the bucket.
   */
  putBack(): void;
  stop(): Promise<void>;
}

const REOPEN_MS = 1_000;
/** After how many entries a reading reports its progress: a few tenths of a second each. */
const PROGRESS = 10_000;
const SWEEP_MS = 60_000;
/** Revocations that may wait for a reader of `watch`: a bulk revocation arrives faster than any reader reads. */
const MAX_WAITING = 10_000;

/** Resolves when every stored revocation is known. Rejects when the store can't be read and there is no snapshot. */
export async function openRevocations(options: RevocationsOptions): Promise<Revocations> {
  const { store, now, hashers, contactAgeMs, snapshot, onPutBack, onProgress } = options;
  const mayReport = createReportLimit(now);
  const known = createRevokedSet(hashers);
  const keyIds = new Set(hashers.map(({ keyId }) => keyId));
  const stopping = new AbortController();
  const listeners = new Set<(revocation: Revocation) => void>();
  /** When the watch was lost, in Unix milliseconds; undefined while it is open. */
  let blindSince: number | undefined = snapshot?.asOf ?? now();
  /** One restoration at a time, and a stop waits for the last. Never rejects. */
  let restoring = Promise.resolve();

  function onProblem(error: unknown): void {
    if (mayReport()) options.onProblem(error);
  }

  function learn(revocation: Revocation): void {
    if (revocation.until <= now() || !known.add(revocation)) return;
    if (revocation.kind === "subject" && !keyIds.has(revocation.hashedUnder)) onProblem(unknownKey(revocation));
    for (const listener of listeners) listener(revocation);
  }

  const loaded = Promise.withResolvers<void>();
  let opened = snapshot !== undefined;
  /** The entries that were read since the watch began, until it is current. */
  let read = 0;
  // What this replica knew when the watch began and the store has not listed since: a store that was lost or rolled
  // back has forgotten it. Empty while the watch is current, which lasts as long as the process.
  let unlisted = new Set<Revocation>();
  const unreadable = new Set<string>();

  function onPut(entry: Entry): void {
    if (blindSince !== undefined && ++read % PROGRESS === 0) onProgress?.(read, false);
    const revocation = parseRevocation(entry);
    if (revocation === undefined) {
      onProblem(new IneffectiveRevocation("UNREADABLE", `${entry.key} is not a revocation that this version can read`));
      if (blindSince !== undefined) unreadable.add(entry.key);
      return;
    }
    const knownBefore = unlisted.size > 0 ? known.get(revocation) : undefined;
    if (knownBefore !== undefined) unlisted.delete(knownBefore);
    learn(revocation);
  }

  function onCurrent(): void {
    if (read >= PROGRESS) onProgress?.(read, true);
    read = 0;
    blindSince = undefined;
    opened = true;
    loaded.resolve();
    const forgotten = [...unlisted].filter((one) => one.until > now() && !unreadable.has(revocationKey(one)));
    restoring = restoring.then(() => restoreRevocations(store, forgotten, stopping.signal, onProblem));
    unlisted = new Set();
    unreadable.clear();
  }

  const watch: Following<Change> = {
    async *source(signal) {
      read = 0;
      unlisted = new Set(known.all());
      unreadable.clear();
      try {
        yield* store.watch(REVOKED, signal);
      } finally {
        // However the watch ended: the next one must list the entries again before it is current.
        blindSince ??= now();
      }
    },
    onItem(change) {
      if (change.type === "put") onPut(change.entry);
      else if (change.type === "current") onCurrent();
    },
    onError(error) {
      // Without a snapshot the opening fails with the first error.
      if (!opened) return loaded.reject(error);
      loaded.resolve();
      onProblem(error);
    },
    pauseAfter: () => REOPEN_MS,
  };

  async function restoreMissing(): Promise<void> {
    // While the watch is broken, the next one finds what is missing.
    if (blindSince !== undefined || stopping.signal.aborted) return;
    const stored = createRevokedSet(hashers);
    for await (const revocation of storedRevocations(store, stopping.signal)) stored.add(revocation);
    if (stopping.signal.aborted) return;
    const missing: Revocation[] = [];
    // Also one whose entry was written again, and now revokes less.
    for await (const one of inTurns(known.all())) if (one.until > now() && stored.add(one)) missing.push(one);
    await restoreRevocations(store, missing, stopping.signal, onProblem);
    if (missing.length > 0) onPutBack?.(missing.length);
  }

  for await (const revocation of inTurns(snapshot?.revocations ?? [])) learn(revocation);
  const following = follow(watch, stopping.signal);
  await loaded.promise.catch((error) => {
    stopping.abort();
    throw error;
  });
  // Unref'ed: freeing memory is no reason to keep the process alive.
  const sweeping = setInterval(() => known.sweep(now()), SWEEP_MS).unref();

  return {
    has: known.has,
    viewAgeMs: (time) => Math.max(contactAgeMs(time), blindSince === undefined ? 0 : time - blindSince),
    async revoke(revocations) {
      await storeRevocations(store, revocations);
      for (const revocation of revocations) learn(revocation);
    },
    all: known.all,
    async *watch(signal) {
      const inbox = createInbox<Revocation>(MAX_WAITING, slowReader);
      listeners.add(inbox.put);
      try {
        const ended = AbortSignal.any([signal, stopping.signal]);
        // Nothing else would have a turn until a reader that keeps up had all 10⁶ of them.
        for await (const one of inTurns(known.all())) {
          if (ended.aborted) return;
          yield one;
        }
        yield "current";
        yield* inbox.items(ended);
      } finally {
        listeners.delete(inbox.put);
      }
    },
    putBack() {
      restoring = restoring.then(restoreMissing).catch(onProblem);
    },
    async stop() {
      stopping.abort();
      clearInterval(sweeping);
      await Promise.all([following, restoring]);
    },
  };
}

/** All that are stored now. By a watch and not a list, because 10⁵ entries at once take much memory. */
async function* storedRevocations(store: KeyValue, signal: AbortSignal): AsyncGenerator<Revocation> {
  for await (const change of store.watch(REVOKED, signal)) {
    if (change.type === "current") return;
    const revocation = change.type === "put" ? parseRevocation(change.entry) : undefined;
    if (revocation !== undefined) yield revocation;
  }
}

function unknownKey({ profile, hashedUnder, until }: Extract<Revocation, { kind: "subject" }>): IneffectiveRevocation {
  const when = new Date(until).toISOString();
  return new IneffectiveRevocation(
    "UNKNOWN_KEK",
    `a revocation of a subject's ${profile} tokens has no effect here: it was made under the KEK ${hashedUnder}, \
which must be configured (kek.previous) until ${when}`,
  );
}

const RETRY_MS = 1_000;

/**
 * Stores revocations again that the store forgot. Retries while it is unreachable, until the signal aborts. Never
 * rejects.
 */
export async function restoreRevocations(
  store: KeyValue,
  forgotten: Iterable<Revocation>,
  signal: AbortSignal,
  onProblem: (error: unknown) => void,
): Promise<void> {
  for (const batch of inBatches(forgotten)) {
    while (!signal.aborted) {
      const error = await storeRevocations(store, batch).catch((error: unknown) => error);
      if (error === undefined) break;
      onProblem(error);
      // A lost store also ends the watch; the next watch finds again what was forgotten.
      if (error instanceof StateError && error.code === "LOST") return;
      await pause(RETRY_MS, signal);
    }
  }
}

function slowReader(): Problem {
  const message = `more than ${MAX_WAITING} changes waited to be read: watch again, and read faster`;
  return new Problem("SLOW_READER", message, { retryAfterMs: 1_000 });
}
