import { setTimeout as pause } from "node:timers/promises";
import type { KeyValue } from "../state/keyvalue.ts";
import { encodeRevocation, parseRevocation, placeOf, REVOKED, type Revocation } from "./revocation.ts";
import { createRevokedSet, type RevocableToken } from "./revoked-set.ts";

export interface RevocationsOptions {
  readonly store: KeyValue;
  /** Unix milliseconds. */
  readonly now: () => number;
  /** Keyed hash of a subject. */
  readonly hashSubject: (subject: string) => string;
  /** Told when the watch fails; it is opened again after a pause. */
  readonly problem: (error: unknown) => void;
}

/** What was taken back, as this replica knows it. */
export interface Revocations {
  /** Whether the token was taken back. Answers from memory. */
  has(token: RevocableToken): boolean;
  /** Takes back, durably and for every replica. Throws a StateError when it can't be told whether it is stored. */
  revoke(revocations: readonly Revocation[]): Promise<void>;
  /** All that is known now, then "current", then whatever is added, until the signal aborts. */
  watch(signal: AbortSignal): AsyncIterable<Revocation | "current">;
  stop(): Promise<void>;
}

const REOPEN_MS = 1_000;
const SWEEP_MS = 60_000;

/** Resolves when all that the store holds is known. Rejects when it can't be read. */
export async function openRevocations({ store, now, hashSubject, problem }: RevocationsOptions): Promise<Revocations> {
  const known = createRevokedSet(hashSubject);
  const stopping = new AbortController();
  const listeners = new Set<(revocation: Revocation) => void>();

  function learn(revocation: Revocation): void {
    if (revocation.until <= now()) return;
    known.add(revocation);
    for (const tell of listeners) tell(revocation);
  }

  async function follow(current: () => void): Promise<void> {
    for await (const change of store.watch(REVOKED, stopping.signal)) {
      if (change.type === "current") current();
      if (change.type !== "put") continue;
      const revocation = parseRevocation(change.entry);
      if (revocation === undefined) problem(new Error(`${change.entry.key} is no revocation that this version knows`));
      else learn(revocation);
    }
  }

  async function followForEver(first: Promise<void>): Promise<void> {
    for (let running = first; ; running = follow(() => {})) {
      await running.catch(problem);
      if (stopping.signal.aborted) return;
      await pause(REOPEN_MS, undefined, { signal: stopping.signal }).catch(() => undefined);
    }
  }

  const loaded = Promise.withResolvers<void>();
  const first = follow(loaded.resolve);
  first.then(loaded.resolve, loaded.reject);
  await loaded.promise;
  const following = followForEver(first);
  const sweeping = setInterval(() => known.sweep(now()), SWEEP_MS).unref();

  return {
    has: known.has,
    async revoke(revocations) {
      for (const revocation of revocations) await put(store, revocation);
      for (const revocation of revocations) learn(revocation);
    },
    async *watch(signal) {
      const waiting: Revocation[] = [];
      let wake = (): void => {};
      const tell = (revocation: Revocation): void => {
        waiting.push(revocation);
        wake();
      };
      // No await between the two: nothing that is added may slip through.
      listeners.add(tell);
      const existing = known.all();
      const ended = AbortSignal.any([signal, stopping.signal]);
      const onAbort = (): void => wake();
      ended.addEventListener("abort", onAbort);
      try {
        yield* existing;
        yield "current";
        while (!ended.aborted) {
          const next = waiting.shift();
          if (next !== undefined) yield next;
          else
            await new Promise<void>((resolve) => {
              wake = resolve;
              if (ended.aborted) resolve();
            });
        }
      } finally {
        listeners.delete(tell);
        ended.removeEventListener("abort", onAbort);
      }
    },
    async stop() {
      stopping.abort();
      clearInterval(sweeping);
      await following;
    },
  };
}

/** The same revocation again changes nothing, unless it reaches further. */
async function put(store: KeyValue, revocation: Revocation): Promise<void> {
  const place = placeOf(revocation);
  const options = { expiresAt: revocation.until };
  for (;;) {
    const value = encodeRevocation(revocation);
    if ((await store.create(place, value, options)) !== undefined) return;
    const entry = await store.get(place);
    if (entry === undefined) continue;
    const stored = parseRevocation(entry);
    if (stored !== undefined && reaches(stored, revocation)) return;
    if ((await store.update(place, value, entry.revision, options)) !== undefined) return;
  }
}

function reaches(stored: Revocation, wanted: Revocation): boolean {
  if (stored.until < wanted.until) return false;
  return stored.kind === "token" || wanted.kind === "token" || stored.issuedBefore >= wanted.issuedBefore;
}
