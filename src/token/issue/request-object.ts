import { textFault } from "../../problem/field-rules.ts";
import type { FieldViolation } from "../../problem/problem.ts";
import { PROTOTYPE_NAMES } from "../../profile/model/names.ts";
import type { Profile } from "../../profile/model/profile.ts";

type RequestObject = Readonly<Record<string, unknown>>;

/** Limits of a request object, for every profile: a list of 100 names of 64 characters fits. */
const CLAIM_LIMITS = { bytes: 8192, depth: 8, keys: 512 } as const;

/**
 * Tells what is wrong with a request object: by the rules that hold whatever the profile's schema says (its size, its
 * depth, its names, and that every value reads the same in every JSON parser), then by the schema. A field that has a
 * violation already gets no second one from the schema.
 */
export function checkRequestObject(
  claims: RequestObject,
  { reservedNames, request }: Profile,
  violations: FieldViolation[],
): void {
  for (const name of Object.keys(claims))
    if (reservedNames.has(name))
      violations.push({ field: fieldOf("claims", name), description: "is set by the service alone" });
  const checkable = checkLimits(claims, "claims", violations);
  if (checkable === undefined) return;
  const told = new Set(violations.map(({ field }) => field));
  for (const { path, message } of request(checkable)) {
    const field = fieldAt(path, claims);
    if (!told.has(field)) violations.push({ field, description: message });
  }
}

/**
 * Tells what is wrong with an object of a request, named `root`, whatever its schema says. Returns what a schema may look
 * at, since it may need time that grows with its input: undefined beyond the limits. A text that breaks the limit alone was
 * told at its own field and is cut, so that the other fields are checked all the same.
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

/** The value, with a short beginning of every text that alone is above the limit of the whole. */
function cutTexts(value: unknown): unknown {
  if (typeof value === "string") return isTooLong(value) ? value.slice(0, 64) : value;
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map(cutTexts);
  return Object.fromEntries(Object.entries(value).map(([name, inside]) => [name, cutTexts(inside)]));
}

/** Checks a value and all that is in it; returns the number of keys. */
function walk(value: unknown, path: string, depth: number, violations: FieldViolation[]): number {
  if (typeof value === "string") {
    const fault = isTooLong(value) ? `must have at most ${CLAIM_LIMITS.bytes} bytes of UTF-8` : textFault(value);
    if (fault !== undefined) violations.push({ field: path, description: fault });
    return 0;
  }
  if (typeof value === "number") {
    if (!Number.isFinite(value) || (Number.isInteger(value) && !Number.isSafeInteger(value)))
      violations.push({ field: path, description: "must be finite, and an integer within ±2^53" });
    return 0;
  }
  // A google.protobuf.Value that says nothing, not even null: it has no JSON.
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
  // A character of JavaScript has at most three bytes.
  return text.length * 3 > CLAIM_LIMITS.bytes && Buffer.byteLength(text) > CLAIM_LIMITS.bytes;
}

/** The path of a schema's violation, written as {@link walk} writes paths: members by name, items by number. */
function fieldAt(path: readonly (string | number)[], claims: RequestObject): string {
  let field = "claims";
  let value: unknown = claims;
  for (const part of path) {
    field = Array.isArray(value) ? `${field}[${part}]` : fieldOf(field, String(part));
    value = typeof value === "object" && value !== null ? (value as Record<string | number, unknown>)[part] : undefined;
  }
  return field;
}

/** A name chosen by a caller may be long or ill-formed: it is cut, so that a violation stays readable and small. */
function fieldOf(path: string, name: string): string {
  return `${path}.${name.slice(0, 64).toWellFormed()}`;
}
