import { NOT_USED, REQUIRED } from "../../problem/field-rules.ts";
import type { FieldViolation } from "../../problem/problem.ts";
import type { Profile, ProfileLifetime } from "../../profile/model/profile.ts";
import type { IssueRequest } from "./request.ts";

/** As a lifetime, 31 years; in Unix seconds, the year 2001. A caller that sends more must mean a point in time. */
export const LOOKS_ABSOLUTE = 1e9;

/**
 * The lifetime that a request asks for, or the profile's default, in whole seconds. Undefined when the token gets no
 * `exp`, or when a violation was added. A value outside the bounds is a violation, never clamped.
 */
export function chooseTtl(
  { ttl, claims }: Pick<IssueRequest, "ttl" | "claims">,
  { lifetime }: Profile,
  violations: FieldViolation[],
): number | undefined {
  const member = lifetime.ttlFrom;
  if (ttl !== undefined && (member !== undefined || lifetime.exp === "absent"))
    violations.push({ field: "ttl", description: NOT_USED });
  if (lifetime.exp === "absent") return undefined;
  const field = member === undefined ? "ttl" : `claims.${member}`;
  const asked = member === undefined ? wholeSeconds(ttl) : claims?.[member];
  if (asked === undefined) {
    if (lifetime.exp === "required" && lifetime.default === undefined)
      violations.push({ field, description: REQUIRED });
    return lifetime.default;
  }
  const max = maxFor(lifetime, claims);
  if (typeof asked === "number" && Number.isInteger(asked) && asked >= lifetime.min && asked <= max) return asked;
  violations.push({ field, description: `must be ${boundsText(lifetime, max)}${absoluteHint(asked)}` });
  return undefined;
}

/** NaN, which is outside all bounds, for a fraction of a second. */
function wholeSeconds(ttl: IssueRequest["ttl"]): number | undefined {
  if (ttl === undefined) return undefined;
  return ttl.nanos === 0 ? Number(ttl.seconds) : Number.NaN;
}

/** The longest lifetime for this request, which may ask for the extended one. */
function maxFor({ max, extended }: ProfileLifetime, claims: IssueRequest["claims"]): number {
  return extended !== undefined && claims?.[extended.by] === true ? extended.max : max;
}

function boundsText({ min, extended }: ProfileLifetime, max: number): string {
  const more =
    extended === undefined || max === extended.max ? "" : `, or to ${extended.max}s with claims.${extended.by} true`;
  return `whole seconds from ${min}s to ${max}s${more}`;
}

function absoluteHint(asked: unknown): string {
  return typeof asked === "number" && asked >= LOOKS_ABSOLUTE
    ? "; this looks like an absolute time: give the lifetime in seconds"
    : "";
}
