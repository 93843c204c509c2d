import { textFault } from "../../problem/field-rules.ts";
import type { FieldViolation } from "../../problem/problem.ts";
import { PROTOTYPE_NAMES } from "../../profile/model/names.ts";
import type { Profile } from "../../profile/model/profile.ts";
import { isExact, MUST_BE_EXACT } from "../../schema/exact-number.ts";

type RequestObject = Readonly<Record<string, unknown>>;

/** Limits of a request object, for every profile. A list of 100 names of 64 characters fits. */
const CLAIM_LIMITS = { bytes: 8192, depth: 8, keys: 512 } as const;

/**
 * Checks a request object: first by the rules that hold for every profile (its size, depth and names, and that all JSON
 * parsers read its values in the same way), then by the profile's schema. A field that already has a violation gets
 * none from the schema.
 */
export function checkRequestObject(
  claims: RequestObject,
  { reservedNames, request }: Profile,
  violations: FieldViolation[],
): void {
  for (const name of Object.keys(claims))
    if (reservedNames.has(name))
      violations.push({ field: fieldOf("claims", name), description: "is set only by the service" });
  const checkable = checkLimits(claims, "claims", violations);
  if (checkable === undefined) return;
  const reported = new Set(violations.map(({ field }) => field));
  for (const { path, message } of request(checkable)) {
    const field = fieldAt(path, claims);
    if (!reported.has(field)) violations.push({ field, description: message });
  }
}

/**
 * Checks an object of a request, named `root`, by the rules that hold for every profile. Returns the part that a schema
 * may check, whose cost may grow with its input; undefined when the object exceeds a limit. A text that alone exceeds
 * the limit has its own violation and is cut, so that the schema still checks the other fields.
 */
export function checkLimits(
  object: RequestObject,
  root: string,
  violations: FieldViolation[],
): RequestObject | undefined {
  const keys = walk(object, root, 1, violations);
  const small = isSmall(object) ? object : (cutTexts(object) as RequestObject);
  const broken = [
    ...(keys > CLAIM_LIMITS.keys ? [`${CLAIM_LIMITS.keys} keys on all levels`] : []),
    ...(small !== object && !isSmall(small) ? [`${CLAIM_LIMITS.bytes} bytes as compact JSON`] : []),
  ];
  for (const limit of broken) violations.push({ field: root, description: `must have at most ${limit}` });
  return broken.length === 0 ? small : undefined;
}

function isSmall(object: RequestObject): boolean {
  return Buffer.byteLength(JSON.stringify(object)) <= CLAIM_LIMITS.bytes;
}

/** The value, with every text cut that alone exceeds the limit of the whole object. */
function cutTexts(value: unknown): unknown {
  if (typeof value === "string") return isTooLong(value) ? value.slice(0, 64) : value;
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map(cutTexts);
  return Object.fromEntries(Object.entries(value).map(([name, inside]) => [name, cutTexts(inside)]));
}

/** Checks a value and everything inside it. Returns the number of keys. */
function walk(value: unknown, path: string, depth: number, violations: FieldViolation[]): number {
  if (typeof value === "string") {
    const fault = isTooLong(value) ? `must have at most ${CLAIM_LIMITS.bytes} bytes of UTF-8` : textFault(value);
    if (fault !== undefined) violations.push({ field: path, description: fault });
    return 0;
  }
  if (typeof value === "number") {
    if (!isExact(value)) violations.push({ field: path, description: MUST_BE_EXACT });
    return 0;
  }
  // A google.protobuf.Value without a kind, not even null. It has no JSON.
  if (value === undefined) violations.push({ field: path, description: "must have a value" });
  if (typeof value !== "object" || value === null) return 0;
  if (depth > CLAIM_LIMITS.depth) {
    violations.push({ field: path, description: `must not nest deeper than ${CLAIM_LIMITS.depth} levels` });
    return 0;
  }
  if (Array.isArray(value))
    return value.reduce<number>((keys, item, i) => keys + walk(item, `${path}[${i}]`, depth + 1, violations), 0);
  let keys = 0;
  for (const name of Object.keys(value)) {
    const field = fieldOf(path, name);
    if (PROTOTYPE_NAMES.has(name) || name === "" || textFault(name) !== undefined)
      violations.push({ field, description: "is not an allowed name" });
    keys += 1 + walk((value as Record<string, unknown>)[name], field, depth + 1, violations);
  }
  return keys;
}

function isTooLong(text: string): boolean {
  // A UTF-16 code unit takes at most three bytes of UTF-8, so short texts need no count.
  return text.length * 3 > CLAIM_LIMITS.bytes && Buffer.byteLength(text) > CLAIM_LIMITS.bytes;
}

/** The path of a schema's violation, in the notation of {@link walk}: `claims.list[0].name`. */
function fieldAt(path: readonly (string | number)[], claims: RequestObject): string {
  let field = "claims";
  let value: unknown = claims;
  for (const part of path) {
    field = Array.isArray(value) ? `${field}[${part}]` : fieldOf(field, String(part));
    value = typeof value === "object" && value !== null ? (value as Record<string | number, unknown>)[part] : undefined;
  }
  return field;
}

/** Cuts and repairs a name, which the caller chose, so that a violation stays small and readable. */
function fieldOf(path: string, name: string): string {
  return `${path}.${name.slice(0, 64).toWellFormed()}`;
}
