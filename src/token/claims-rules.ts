import type { FieldViolation } from "./problem.ts";
import { REGISTERED_NAMES } from "./registered-claims.ts";
import { UNSAFE_NAMES } from "./strict-json.ts";
import { textFault } from "./text-rules.ts";

/** Limits of a request object, for every profile. */
const CLAIM_LIMITS = { bytes: 4096, depth: 8, keys: 64 } as const;

/** What is wrong with a request object, and whether it is so large that nothing else shall look at it. */
export interface RequestObjectFaults {
  readonly violations: readonly FieldViolation[];
  readonly tooLarge: boolean;
}

/**
 * The rules that hold for every request object, whatever its profile's schema says: its size, its depth, its names, and
 * that every value reads the same in every JSON parser.
 */
export function checkRequestObject(
  claims: Readonly<Record<string, unknown>>,
  ownNames: ReadonlySet<string>,
): RequestObjectFaults {
  const violations: FieldViolation[] = [];
  for (const name of Object.keys(claims))
    if (ownNames.has(name) || REGISTERED_NAMES.has(name))
      violations.push({ field: fieldOf("claims", name), description: "is set by the service alone" });
  const keys = walk(claims, "claims", 1, violations);
  const sizes = [
    ...(keys > CLAIM_LIMITS.keys ? [`${CLAIM_LIMITS.keys} keys on all levels`] : []),
    ...(Buffer.byteLength(JSON.stringify(claims)) > CLAIM_LIMITS.bytes
      ? [`${CLAIM_LIMITS.bytes} bytes as compact JSON`]
      : []),
  ];
  for (const limit of sizes) violations.push({ field: "claims", description: `must have at most ${limit}` });
  return { violations, tooLarge: sizes.length > 0 };
}

/** Checks a value and all that is in it; returns the number of keys. */
function walk(value: unknown, path: string, depth: number, violations: FieldViolation[]): number {
  if (typeof value === "string") {
    const fault = textFault(value);
    if (fault !== undefined) violations.push({ field: path, description: fault });
    return 0;
  }
  if (typeof value === "number") {
    if (!Number.isFinite(value) || (Number.isInteger(value) && !Number.isSafeInteger(value)))
      violations.push({ field: path, description: "must be finite, and an integer within ±2^53" });
    return 0;
  }
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
    if (UNSAFE_NAMES.has(name) || name === "" || textFault(name) !== undefined)
      violations.push({ field, description: "is not an allowed name" });
    keys += 1 + walk((value as Record<string, unknown>)[name], field, depth + 1, violations);
  }
  return keys;
}

/** A name chosen by a caller may be long or ill-formed: it is cut, so that a violation stays readable and small. */
export function fieldOf(path: string, name: string): string {
  return `${path}.${name.slice(0, 64).toWellFormed()}`;
}
