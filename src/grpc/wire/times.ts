import type { Duration } from "../../gen/google/protobuf/duration.ts";

/** Unix seconds as a date; beyond what a Timestamp can hold (the year 9999) it is left out. */
export function timestampDate(seconds: number): Date;
export function timestampDate(seconds: number | undefined): Date | undefined;
export function timestampDate(seconds: number | undefined): Date | undefined {
  return seconds === undefined || seconds > 253_402_300_799 ? undefined : new Date(seconds * 1000);
}

const ZERO: Duration = { seconds: 0n, nanos: 0 };

/** The longest that a Duration can be, about 10 000 years. */
const LONGEST_MS = 315_576_000_000_000;

/** Milliseconds as a Duration, Infinity as the longest. They MUST NOT be negative. */
export function durationOf(length: number): Duration {
  if (length === 0) return ZERO;
  const ms = Math.min(Math.round(length), LONGEST_MS);
  return { seconds: BigInt(Math.floor(ms / 1000)), nanos: (ms % 1000) * 1_000_000 };
}
