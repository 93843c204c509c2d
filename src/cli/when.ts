import { timestampText } from "./proto-json.ts";
import { relativeTime } from "./relative-time.ts";

/** "2026-11-22T12:00:00Z (in 5m)"; "-" for a time that is not set. */
export function when(time: Date | undefined, now: number): string {
  return time === undefined ? "-" : `${timestampText(time)} (${relativeTime(time, now)})`;
}
