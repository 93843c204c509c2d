import { LOOKS_ABSOLUTE } from "./ttl.ts";

/** Says which of the times, if any, was counted in milliseconds: in seconds, 10^11 is the year 5138; in milliseconds it was 1973. */
export function millisecondsHint(times: Readonly<Record<string, number | undefined>>): string | undefined {
  const names = Object.keys(times).filter((name) => looksLikeMilliseconds(times[name]));
  if (names.length === 0) return undefined;
  return `${names.join(" and ")} ${names.length > 1 ? "look" : "looks"} like milliseconds; RFC 7519 counts seconds`;
}

function looksLikeMilliseconds(time: number | undefined): boolean {
  return time !== undefined && time > 1e11 && time < 1e14;
}

/** Says when a lifetime in seconds is as large as a point in time. */
export function lifetimeHint(lifetime: number): string | undefined {
  return lifetime >= LOOKS_ABSOLUTE ? "the lifetime looks like an absolute time; it was meant in seconds" : undefined;
}
