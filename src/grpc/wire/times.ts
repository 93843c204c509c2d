import type { Duration } from "../../gen/google/protobuf/duration.ts";

/** The last millisecond that a Timestamp can hold: the end of the year 9999. */
const LAST_MS = 253_402_300_799_999;

/** The longest Duration, about 10 000 years. */
const LONGEST_MS = 315_576_000_000_000;

const NO_TIME: Duration = { seconds: 0n, nanos: 0 };

/** Unix milliseconds as a Timestamp. Undefined for a time after the year 9999, which a Timestamp can't hold. */
export function timestampOfMs(ms: number | undefined): Date | undefined {
  return ms === undefined || ms > LAST_MS ? undefined : new Date(ms);
}

/** Unix seconds as a Timestamp, else as {@link timestampOfMs}. */
export function timestampOfSeconds(seconds: number | undefined): Date | undefined {
  return seconds === undefined ? undefined : timestampOfMs(seconds * 1000);
}

/** Milliseconds, which MUST NOT be negative, as a Duration. Longer ones, Infinity too, become the longest Duration. */
export function durationOfMs(length: number): Duration {
  if (length === 0) return NO_TIME;
  const ms = Math.min(Math.round(length), LONGEST_MS);
  return { seconds: BigInt(Math.floor(ms / 1000)), nanos: (ms % 1000) * 1_000_000 };
}

/** Whole seconds as a Duration. */
export function durationOfSeconds(seconds: number): Duration {
  return { seconds: BigInt(seconds), nanos: 0 };
}

/** Whole seconds as a Duration, if there are any. */
export function optionalDuration(seconds: number | undefined): Duration | undefined {
  return seconds === undefined ? undefined : durationOfSeconds(seconds);
}

/** A Duration in milliseconds, if there is one. */
export function msOfDuration(duration: Duration | undefined): number | undefined {
  return duration && Number(duration.seconds) * 1000 + duration.nanos / 1_000_000;
}
