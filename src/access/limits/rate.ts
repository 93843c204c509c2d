import type { RateLimit } from "../../schema/rate-limit.ts";

/**
 * A rate in the form of the generic cell rate algorithm (ITU-T I.371): `burst` at once, then one each interval. Times
 * are whole nanoseconds of a monotonic clock; until it reaches 2⁵³, after 104 days, the arithmetic is exact.
 */
export interface Rate {
  readonly intervalNs: number;
  readonly burst: number;
}

/**
 * The part of a limit that each of `replicas` enforces: together they allow no more than the limit, except that each
 * allows a burst of 1. The interval is rounded up, so a rate is never above its limit.
 */
export function rateOf({ perSecond, burst }: RateLimit, replicas: number): Rate {
  return { intervalNs: Math.ceil((1e9 * replicas) / perSecond), burst: Math.max(1, Math.floor(burst / replicas)) };
}

/*
 * A bucket is the time at which it is full again: one number, which no timer refills. A bucket that was never used is
 * full, at any time.
 */

/** How long a bucket must wait until it has one; 0: it has one now. */
export function waitNs(fullAt: number, rate: Rate, now: number): number {
  return Math.max(0, capped(fullAt, rate, now) - (rate.burst - 1) * rate.intervalNs - now);
}

/** The bucket after one was taken. */
export function taken(fullAt: number, rate: Rate, now: number): number {
  return Math.max(capped(fullAt, rate, now), now) + rate.intervalNs;
}

/** An empty bucket is the worst: a rate that was raised, e.g. by a replica that left, forgives earlier debts. */
function capped(fullAt: number, { intervalNs, burst }: Rate, now: number): number {
  return Math.min(fullAt, now + burst * intervalNs);
}
