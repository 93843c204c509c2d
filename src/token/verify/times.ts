import type { ProfileLifetime } from "../../profile/model/profile.ts";
import type { RegisteredClaims } from "../claims/registered.ts";
import { LOOKS_ABSOLUTE } from "../issue/ttl.ts";
import { type Rejection, reject } from "../rejection.ts";

type Times = Pick<RegisteredClaims, "iat" | "nbf" | "exp">;
/** What the times of a token are checked against. */
export type TimeRules = Pick<ProfileLifetime, "exp" | "max" | "extended" | "maxAge" | "leeway" | "skew">;

/**
 * Checks the times of a token. `seconds`: the time to compare with, in Unix seconds.
 */
export function checkTimes(times: Times, lifetime: TimeRules, seconds: number): Rejection | undefined {
  return (
    checkLifetime(times, lifetime, seconds) ??
    checkBegin(times, lifetime, seconds) ??
    checkEnd(times, lifetime, seconds)
  );
}

function checkLifetime({ iat, exp }: Times, lifetime: TimeRules, seconds: number): Rejection | undefined {
  if (exp === undefined)
    return lifetime.exp === "required" ? reject("EXP_MISSING", "exp is required").rejection : undefined;
  const longest = lifetime.extended?.max ?? lifetime.max;
  // Without iat the lifetime is unknown, but the rest of it can't be longer than the whole.
  if (exp - (iat ?? seconds) <= longest) return undefined;
  const message = `a token must live at most ${longest} seconds here`;
  return reject("LIFETIME_EXCEEDED", message, millisecondsHint({ exp, iat }) ?? lifetimeHint(exp - (iat ?? seconds)))
    .rejection;
}

function checkBegin({ iat, nbf }: Times, { skew }: TimeRules, seconds: number): Rejection | undefined {
  if (nbf !== undefined && nbf > seconds + skew)
    return reject("NOT_YET_VALID", "nbf is in the future", millisecondsHint({ nbf })).rejection;
  if (iat !== undefined && iat > seconds + skew)
    return reject("NOT_YET_VALID", "iat is in the future", millisecondsHint({ iat })).rejection;
  return undefined;
}

function checkEnd({ iat, exp }: Times, { leeway, maxAge }: TimeRules, seconds: number): Rejection | undefined {
  if (exp !== undefined && seconds >= exp + leeway) return reject("EXPIRED", "exp is in the past").rejection;
  // A missing iat is found with the other missing claims, where maxAge requires one.
  if (maxAge !== undefined && iat !== undefined && seconds > iat + maxAge)
    return reject("TOO_OLD", `iat is more than ${maxAge} seconds ago`).rejection;
  return undefined;
}

/**
 * Names the times that look like milliseconds, if any: 10^11 seconds is the year 5138, 10^11 milliseconds the year
 * 1973.
 */
function millisecondsHint(times: Readonly<Record<string, number | undefined>>): string | undefined {
  const names = Object.keys(times).filter((name) => looksLikeMilliseconds(times[name]));
  if (names.length === 0) return undefined;
  return `${names.join(" and ")} ${names.length > 1 ? "look" : "looks"} like milliseconds; RFC 7519 counts seconds`;
}

function looksLikeMilliseconds(time: number | undefined): boolean {
  return time !== undefined && time > 1e11 && time < 1e14;
}

/** Hints at a lifetime that is as large as a point in time. */
function lifetimeHint(lifetime: number): string | undefined {
  return lifetime >= LOOKS_ABSOLUTE
    ? "the lifetime looks like an absolute time; it must be a number of seconds"
    : undefined;
}
