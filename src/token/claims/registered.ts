import type { Profile } from "../../profile/model/profile.ts";
import { reject, type Step } from "../rejection.ts";
import type { Json, JsonObject } from "./strict-json.ts";

/** The registered claims (RFC 7519, 4.1) of a token, types checked. Times in Unix seconds. */
export interface RegisteredClaims {
  readonly iss: string | undefined;
  readonly sub: string | undefined;
  readonly aud: readonly string[] | undefined;
  readonly exp: number | undefined;
  readonly nbf: number | undefined;
  readonly iat: number | undefined;
  readonly jti: string | undefined;
}

/**
 * Checks only types and ranges: `iss`, `sub` and `jti` are non-empty strings, `aud` is one such string or a non-empty
 * array of them, times are positive whole seconds. Where the profile says so, `sub` may be empty; and `nbf` may be 0,
 * as libraries write "since ever". JSON.parse reads 1e400 as Infinity, which would never expire.
 */
export function checkRegistered(
  claims: JsonObject,
  { subjectClaim, emptySubject }: Pick<Profile, "subjectClaim" | "emptySubject">,
): Step<RegisteredClaims> {
  const { iss, sub, aud, exp, nbf, iat, jti } = claims;
  for (const [name, value] of [
    ["iss", iss],
    ["sub", sub],
    ["jti", jti],
  ] as const)
    if (value !== undefined && !isText(value)) {
      if (name !== subjectClaim || !emptySubject) return reject("CLAIM_INVALID", `${name} must be a non-empty string`);
      if (value !== "") return reject("CLAIM_INVALID", `${name} must be a string`);
    }
  for (const [name, value] of [
    ["exp", exp],
    ["nbf", nbf],
    ["iat", iat],
  ] as const)
    if (value !== undefined && !isTime(value) && !(value === 0 && name === "nbf"))
      return reject("CLAIM_INVALID", `${name} must be positive whole seconds`);
  const audiences = typeof aud === "string" ? [aud] : aud;
  if (audiences !== undefined && !(Array.isArray(audiences) && audiences.length > 0 && audiences.every(isText)))
    return reject("CLAIM_INVALID", "aud must be a non-empty string or a non-empty array of them");
  return { ok: { iss, sub, aud: audiences, exp, nbf, iat, jti } as RegisteredClaims };
}

function isText(value: Json): boolean {
  return typeof value === "string" && value !== "";
}

function isTime(value: Json): boolean {
  return typeof value === "number" && Number.isInteger(value) && value > 0;
}
