import { NOT_TAKEN, REQUIRED } from "../../problem/field-rules.ts";
import type { FieldViolation } from "../../problem/problem.ts";
import type { Profile, ProfileLifetime } from "../../profile/model/profile.ts";
import type { IssueRequest } from "./request.ts";

/** The year 2001 in Unix seconds, as a lifetime 31 years: whoever sends as much meant a point in time. */
export const LOOKS_ABSOLUTE = 1e9;

/**
 * The lifetime in whole seconds that a request asks for, or the profile's default; undefined when the token shall have
 * no `exp`, or when a violation says why there is none. Nothing is clamped.
 */
export function chooseTtl(
  { ttl, claims }: Pick<IssueRequest, "ttl" | "claims">,
  { lifetime }: Profile,
  violations: FieldViolation[],
): number | undefined {
  const member = lifetime.ttlFrom;
  if (ttl !== undefined && (member !== undefined || lifetime.exp === "absent"))
    violations.push({ field: "ttl", description: NOT_TAKEN });
  if (lifetime.exp === "absent") return undefined;
  const field = member === undefined ? "ttl" : `claims.${member}`;
  const asked = member === undefined ? wholeSeconds(ttl) : claims?.[member];
  if (asked === undefined) {
    if (lifetime.exp === "required" && lifetime.default === undefined)
      violations.push({ field, description: REQUIRED });
    return lifetime.default;
  }
  const wish = wishedMax(lifetime, claims);
  if (typeof asked === "number" && Number.isInteger(asked) && asked >= lifetime.min && asked <= wish) return asked;
  violations.push({ field, description: `must be ${bounds(lifetime, wish)}${absoluteHint(asked)}` });
  return undefined;
}

/** NaN, which no bounds hold, for a fraction of a second. */
function wholeSeconds(ttl: IssueRequest["ttl"]): number | undefined {
  if (ttl === undefined) return undefined;
  return ttl.nanos === 0 ? Number(ttl.seconds) : Number.NaN;
}

function wishedMax({ max, extended }: ProfileLifetime, claims: IssueRequest["claims"]): number {
  return extended !== undefined && claims?.[extended.by] === true ? extended.max : max;
}

function bounds({ min, extended }: ProfileLifetime, max: number): string {
  const more =
    extended === undefined || max === extended.max ? "" : `, or to ${extended.max}s with claims.${extended.by} true`;
  return `whole seconds from ${min}s to ${max}s${more}`;
}

function absoluteHint(asked: unknown): string {
  return typeof asked === "number" && asked >= LOOKS_ABSOLUTE
    ? "; this looks like an absolute time; give the lifetime in seconds"
    : "";
}
