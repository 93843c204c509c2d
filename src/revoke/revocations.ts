import { type Following, follow } from "../async/follow.ts";
import { createInbox } from "../async/inbox.ts";
import { pause } from "../async/timeout.ts";
import { Problem } from "../problem/problem.ts";
import { type Change, type KeyValue, StateError } from "../state/keyvalue.ts";
import { parseRevocation, REVOKED, type Revocation, revocationKey, storeRevocation } from "./revocation.ts";
import { createRevokedSet, type RevocableToken, type SubjectHashers } from "./revoked-set.ts";

export interface RevocationsOptions {
  readonly store: KeyValue;
  /** Unix milliseconds. */
  readonly now: () => number;
  readonly hashers: SubjectHashers;
  /** How long ago the store was last heard of, in milliseconds; 0 while it is in reach. */
  readonly contactAgeMs: (now: number) => number;
  /** What was known when this replica last ran: it then opens even while the store is out of reach. */
  readonly snapshot?: { readonly asOf: number; readonly revocations: Iterable<Revocation> };
  /** Told of an entry that can't be understood, and when the watch fails: it is opened again after a pause. */
  readonly onProblem: (error: unknown) => void;
}

/** What was taken back, as this replica knows it. Until an entry's end nothing makes it forget it. */
export interface Revocations {
  /** Whether the token was taken back. Answers from memory. */
  has(token: RevocableToken): boolean;
  /** How old the view is, in milliseconds; 0 while every change reaches it. `now` in Unix milliseconds. */
  viewAgeMs(now: number): number;
  /** Takes back, durably and for every replica. Throws a StateError when it can't be told whether it is stored. */
  revoke(revocations: readonly Revocation[]): Promise<void>;
  /** All that is known now. */
  all(): Iterable<Revocation>;
  /** All that is known now, then "current", then whatever is added, until the signal aborts. Throws the Problem SLOW_READER. */
  watch(signal: AbortSignal): AsyncIterable<Revocation | "current">;
  stop(): Promise<void>;
}

const REOPEN_MS = 1_000;
const SWEEP_MS = 60_000;
/** A bulk revocation comes faster than any reader reads. */
const MOST_WAITING = 10_000;

/** Resolves when all that the store holds is known. Rejects when it can't be read and there is no snapshot. */
export async function openRevocations(options: RevocationsOptions): Promise<Revocations> {
  const { store, now, hashers, contactAgeMs, snapshot, onProblem: problem } = options;
  const known = createRevokedSet(hashers);
  const keyIds = new Set(hashers.map(({ keyId }) => keyId));
  const stopping = new AbortController();
  const listeners = new Set<(revocation: Revocation) => void>();
  /** Undefined while the watch holds. */
  let blindSince: number | undefined = snapshot?.asOf ?? now();
  let restoring = Promise.resolve();

  function learn(revocation: Revocation): void {
    if (revocation.until <= now() || !known.add(revocation)) return;
    if (revocation.kind === "subject" && !keyIds.has(revocation.hashedUnder)) problem(unknownKey(revocation));
    for (const tell of listeners) tell(revocation);
  }

  const loaded = Promise.withResolvers<void>();
  let opened = snapshot !== undefined;
  // A store that was lost or rolled back does not hold all that was known here when its watch began.
  let before: Revocation[] = [];
  const stored = new Set<string>();
  const watch: Following<Change> = {
    source(signal) {
      before = [...known.all()];
      stored.clear();
      return store.watch(REVOKED, signal);
    },
    onItem(change) {
      if (change.type === "put") {
        const revocation = parseRevocation(change.entry);
        if (revocation === undefined)
          problem(new Error(`${change.entry.key} is no revocation that this version knows`));
        else learn(revocation);
        if (blindSince !== undefined) stored.add(change.entry.key);
      } else if (change.type === "current") {
        blindSince = undefined;
        opened = true;
        loaded.resolve();
        const forgotten = before.filter((one) => one.until > now() && !stored.has(revocationKey(one)));
        restoring = restoreRevocations(store, forgotten, stopping.signal, problem);
        // The watch lasts as long as the process, and must not hold 10⁵ of them meanwhile.
        before = [];
        stored.clear();
      }
    },
    onError(error) {
      // The caller gets it, and nothing is open.
      if (!opened) return loaded.reject(error);
      loaded.resolve();
      blindSince ??= now();
      problem(error);
    },
    pauseAfter: () => REOPEN_MS,
  };

  for (const revocation of snapshot?.revocations ?? []) learn(revocation);
  const following = follow(watch, stopping.signal);
  await loaded.promise.catch((error) => {
    stopping.abort();
    throw error;
  });
  // Unref'ed: it frees the memory of a service that runs, and keeps none running.
  const sweeping = setInterval(() => known.sweep(now()), SWEEP_MS).unref();

  return {
    has: known.has,
    viewAgeMs: (time) => Math.max(contactAgeMs(time), blindSince === undefined ? 0 : time - blindSince),
    async revoke(revocations) {
      for (const revocation of revocations) {
        await storeRevocation(store, revocation);
        learn(revocation);
      }
    },
    all: known.all,
    async *watch(signal) {
      const inbox = createInbox<Revocation>(MOST_WAITING, slowReader);
      listeners.add(inbox.put);
      try {
        const ended = AbortSignal.any([signal, stopping.signal]);
        yield* known.all();
        yield "current";
        yield* inbox.items(ended);
      } finally {
        listeners.delete(inbox.put);
      }
    },
    async stop() {
      stopping.abort();
      clearInterval(sweeping);
      await Promise.all([following, restoring]);
    },
  };
}

function unknownKey({ profile, hashedUnder, until }: Extract<Revocation, { kind: "subject" }>): Error {
  const when = new Date(until).toISOString();
  return new Error(
    `a revocation of a subject's ${profile} tokens does not hold here: it was made under the KEK ${hashedUnder}, which must be given (kek.previous) until ${when}`,
  );
}

const RETRY_MS = 1_000;

/** Gives a store back what it forgot, however long it is out of reach; ends early when the signal aborts. Never rejects. */
export async function restoreRevocations(
  store: KeyValue,
  forgotten: Iterable<Revocation>,
  signal: AbortSignal,
  problem: (error: unknown) => void,
): Promise<void> {
  for (const revocation of forgotten) {
    while (!signal.aborted) {
      const error = await storeRevocation(store, revocation).catch((error: unknown) => error);
      if (error === undefined) break;
      problem(error);
      // Its watch ends as well, and what it forgot is looked for anew.
      if (error instanceof StateError && error.code === "LOST") return;
      await pause(RETRY_MS, signal);
    }
  }
}

function slowReader(): Problem {
  const message = `more than ${MOST_WAITING} changes waited to be read: watch again, and read faster`;
  return new Problem("SLOW_READER", message, { retryAfterMs: 1_000 });
}
