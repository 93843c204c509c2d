import type { ProfileLifetime } from "../profile/profile.ts";
import type { RegisteredClaims } from "./registered-claims.ts";
import { type Rejection, reject } from "./rejection.ts";
import { lifetimeHint, millisecondsHint } from "./time-hints.ts";

type Times = Pick<RegisteredClaims, "iat" | "nbf" | "exp">;

/** Checks the times of a token against its profile's. `seconds` is the token's clock, in Unix seconds. */
export function checkTimes(times: Times, lifetime: ProfileLifetime, seconds: number): Rejection | undefined {
  return (
    checkLifetime(times, lifetime, seconds) ??
    checkBegin(times, lifetime, seconds) ??
    checkEnd(times, lifetime, seconds)
  );
}

function checkLifetime({ iat, exp }: Times, lifetime: ProfileLifetime, seconds: number): Rejection | undefined {
  if (exp === undefined)
    return lifetime.exp === "required" ? reject("EXP_MISSING", "the profile requires exp").rejection : undefined;
  const longest = lifetime.extended?.max ?? lifetime.max;
  // Without iat the lifetime can't be known, but what remains of it can't be more than the whole.
  if (exp - (iat ?? seconds) <= longest) return undefined;
  const message = `the profile's tokens live at most ${longest} seconds`;
  return reject("LIFETIME_EXCEEDED", message, millisecondsHint({ exp, iat }) ?? lifetimeHint(exp - (iat ?? seconds)))
    .rejection;
}

function checkBegin({ iat, nbf }: Times, { skew }: ProfileLifetime, seconds: number): Rejection | undefined {
  if (nbf !== undefined && nbf > seconds + skew)
    return reject("NOT_YET_VALID", "nbf is in the future", millisecondsHint({ nbf })).rejection;
  if (iat !== undefined && iat > seconds + skew)
    return reject("NOT_YET_VALID", "iat is in the future", millisecondsHint({ iat })).rejection;
  return undefined;
}

function checkEnd({ iat, exp }: Times, { leeway, maxAge }: ProfileLifetime, seconds: number): Rejection | undefined {
  if (exp !== undefined && seconds >= exp + leeway) return reject("EXPIRED", "exp is in the past").rejection;
  // That iat is there where its age counts is checked with the other claims.
  if (maxAge !== undefined && iat !== undefined && seconds > iat + maxAge)
    return reject("TOO_OLD", `iat is more than ${maxAge} seconds ago`).rejection;
  return undefined;
}
