import type { Generation } from "../live/generation.ts";
import type { LiveStore } from "../live/live-store.ts";
import { Problem } from "../problem/problem.ts";
import { StateError, type WriteOptions } from "../state/keyvalue.ts";
import { type Rejection, reject } from "../token/rejection.ts";
import {
  encodeUse,
  isRepetition,
  mayBeOlder,
  type NamedToken,
  parseUse,
  type UsableToken,
  type Use,
  useExpiry,
  useKey,
} from "./use.ts";

export interface UseUpParts {
  readonly live: Pick<LiveStore, "store" | "generation">;
  /** Unix milliseconds. */
  readonly now: () => number;
  /** The most by which clocks may differ, in milliseconds. */
  readonly skewMs: number;
  /** Throws the Problem CLOCK_DIFFERS. */
  readonly requireRightClock: () => void;
}

/** Who uses a token up. */
export interface User {
  /** The same for a repetition, and for nothing else. Empty: nothing may repeat the use. */
  readonly by: string;
  /** How long a repetition may follow, in milliseconds. Infinity: as long as the token is valid. */
  readonly repeatMs: number;
}

/**
 * Uses tokens up. Of all calls for one token, over all replicas, exactly one gets undefined, and so do its repetitions;
 * all others get ALREADY_USED. Throws the {@link Problem} USES_UNAVAILABLE while the outcome is unknown: the token may
 * be used up then, and a repetition finds out.
 */
export interface UseUp {
  (token: UsableToken, user: User): Promise<Rejection | undefined>;
  /** When this user has used the token up, in Unix milliseconds; undefined: not at all, or longer ago. */
  usedAt(token: NamedToken, user: User): Promise<number | undefined>;
}

const ALREADY_USED = reject("ALREADY_USED", "the token was used before, and may be used once").rejection;
/** A leader that was deposed may not find what made the creation fail. */
const ATTEMPTS = 3;

export function createUseUp({ live, now, skewMs, requireRightClock }: UseUpParts): UseUp {
  const { store } = live;

  async function useUp(token: UsableToken, user: User): Promise<Rejection | undefined> {
    // By a clock that is far behind, a token may outlive the record of its use.
    requireRightClock();
    const generation = knownGeneration();
    if (isForgotten(token, generation)) return ALREADY_USED;
    const use = { by: user.by, at: now() };
    const earlier = await inStore(() => createOrFind(token, use, knownUntil(token, use, user)));
    if (earlier !== undefined) return isRepetition(earlier, user.by, now(), user.repeatMs) ? undefined : ALREADY_USED;
    // The store may have been lost meanwhile, and an earlier use with it. Or this process was stopped until the record
    // of an earlier use had expired.
    return isForgotten(token, knownGeneration()) || hasExpired(token) ? ALREADY_USED : undefined;
  }

  /** The use that was there before; undefined when this one was created. */
  async function createOrFind(token: NamedToken, use: Use, options: WriteOptions): Promise<Use | undefined> {
    const key = useKey(token);
    for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
      if ((await store.create(key, encodeUse(use), options)) !== undefined) return undefined;
      const found = await store.get(key);
      if (found !== undefined) return parseUse(found);
    }
    throw unknownUse(undefined);
  }

  /** A repetition may come when the token has ended, and is answered all the same. */
  function knownUntil(token: UsableToken, { at }: Use, { by, repeatMs }: User): WriteOptions {
    const end = useExpiry(token, skewMs);
    if (end === undefined) return {};
    return { expiresAt: by === "" || repeatMs === Infinity ? end : Math.max(end, at + repeatMs) };
  }

  function hasExpired(token: UsableToken): boolean {
    const end = useExpiry(token, skewMs);
    return end !== undefined && end <= now();
  }

  function knownGeneration(): Generation {
    const generation = live.generation();
    if (generation === undefined) throw unknownUse(undefined);
    return generation;
  }

  function isForgotten(token: UsableToken, { since }: Generation): boolean {
    return since !== undefined && mayBeOlder(token, since, skewMs);
  }

  return Object.assign(useUp, {
    async usedAt(token: NamedToken, { by, repeatMs }: User) {
      const found = await inStore(() => store.get(useKey(token)));
      const use = found && parseUse(found);
      return use !== undefined && isRepetition(use, by, now(), repeatMs) ? use.at : undefined;
    },
  });
}

async function inStore<Result>(work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    throw error instanceof StateError ? unknownUse(error) : error;
  }
}

function unknownUse(cause: StateError | undefined): Problem {
  const message =
    "it is unknown whether the token was used: the store of uses can't be relied on now. " +
    "Try again with the same request_id";
  return new Problem("USES_UNAVAILABLE", message, { cause, retryAfterMs: 1_000 });
}
