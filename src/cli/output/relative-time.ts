import { timestampText } from "./proto-json.ts";

const UNITS = [
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["m", 60_000],
  ["s", 1_000],
] as const;

/** "in 5m", "23h ago" or "now": rounded to the largest unit of which there are at least two. */
export function relativeTime(time: Date, now: number): string {
  const distance = Math.abs(time.getTime() - now);
  const [name, size] = UNITS.find(([unit, length]) => distance >= 2 * length || unit === "s") ?? UNITS[3];
  const count = Math.round(distance / size);
  if (count === 0) return "now";
  return time.getTime() > now ? `in ${count}${name}` : `${count}${name} ago`;
}

/** "2026-11-22T12:00:00Z (in 5m)", or "-" for an unset time. */
export function when(time: Date | undefined, now: number): string {
  return time === undefined ? "-" : `${timestampText(time)} (${relativeTime(time, now)})`;
}
