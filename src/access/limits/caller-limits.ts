import type { Static } from "typebox";
import { objectSchema } from "../../schema/object-schema.ts";
import { RATE_LIMIT_SCHEMA, type RateLimit, rateLimitOf } from "../../schema/rate-limit.ts";

/** What a policy allows a caller; undefined: any number. */
export interface CallerLimits {
  /** Of calls, under each profile. An item of a batch counts as a call. */
  readonly rate: RateLimit | undefined;
  /** Calls and streams that are open at the same time. */
  readonly callsAtOnce: number | undefined;
  readonly connections: number | undefined;
}

const AT_ONCE_SCHEMA = { type: "integer", minimum: 1, maximum: 1_000_000 } as const;

/** The limits of each caller of a group, in a policy's file. */
export const CALLER_LIMITS_SCHEMA = {
  ...objectSchema({
    calls: RATE_LIMIT_SCHEMA,
    calls_at_once: AT_ONCE_SCHEMA,
    connections: AT_ONCE_SCHEMA,
  }),
  minProperties: 1,
} as const;

/** A group of a policy's file. */
interface LimitedGroup {
  readonly callers: readonly string[];
  readonly limits?: Static<typeof CALLER_LIMITS_SCHEMA>;
}

export const UNLIMITED: CallerLimits = { rate: undefined, callsAtOnce: undefined, connections: undefined };

/**
 * The limits of each caller. Of a caller in several groups each limit is the strictest: to be in one more group never
 * lifts a limit.
 */
export function limitsByCaller(groups: Iterable<LimitedGroup>): (caller: string) => CallerLimits {
  const limits = new Map<string, CallerLimits>();
  for (const { callers, limits: written } of groups) {
    if (written === undefined) continue;
    const { calls, calls_at_once: callsAtOnce, connections } = written;
    const own = { rate: rateLimitOf(calls), callsAtOnce, connections };
    for (const caller of callers) limits.set(caller, stricter(limits.get(caller) ?? UNLIMITED, own));
  }
  return (caller) => limits.get(caller) ?? UNLIMITED;
}

function stricter(a: CallerLimits, b: CallerLimits): CallerLimits {
  return {
    rate: a.rate && b.rate ? slower(a.rate, b.rate) : (a.rate ?? b.rate),
    callsAtOnce: lower(a.callsAtOnce, b.callsAtOnce),
    connections: lower(a.connections, b.connections),
  };
}

function slower(a: RateLimit, b: RateLimit): RateLimit {
  return { perSecond: Math.min(a.perSecond, b.perSecond), burst: Math.min(a.burst, b.burst) };
}

function lower(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? (a ?? b) : Math.min(a, b);
}
