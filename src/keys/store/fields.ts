import { KeyringError } from "../error.ts";
import type { Revoked } from "../model.ts";

/**
 * The members of an object. Each check of this file throws BROKEN_RECORD with the path of the bad field, never its
 * value.
 */
export type Fields = Readonly<Record<string, unknown>>;

export function parseJson(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    // The parser's own message would quote the text.
    throw broken("record", "must be JSON");
  }
}

export function object(
  value: unknown,
  path: string,
  required: readonly string[],
  optional: readonly string[] = [],
): Fields {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw broken(path, "must be an object");
  const missing = required.find((name) => !Object.hasOwn(value, name));
  if (missing !== undefined) throw broken(`${path}.${missing}`, "is missing");
  const known = [...required, ...optional];
  if (!Object.keys(value).every((name) => known.includes(name))) {
    throw broken(path, `must not have other members than ${known.join(", ")}`);
  }
  return { ...value };
}

export function array(value: unknown, path: string): readonly unknown[] {
  if (!Array.isArray(value)) throw broken(path, "must be an array");
  return value;
}

export function text(value: unknown, path: string, pattern: RegExp): string {
  if (typeof value !== "string" || !pattern.test(value))
    throw broken(path, `must be text that matches ${pattern.source}`);
  return value;
}

export function integer(value: unknown, path: string, least: number): number {
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= least) return value;
  throw broken(path, `must be a whole number of at least ${least}`);
}

export function oneOf<Value extends string>(value: unknown, path: string, allowed: readonly Value[]): Value {
  const found = allowed.find((candidate) => candidate === value);
  if (found === undefined) throw broken(path, `must be one of ${allowed.join(", ")}`);
  return found;
}

/** The revocation of a key or of a secret. */
export function parseRevoked(value: unknown, path: string): Revoked {
  const { at, reason } = object(value, path, ["at", "reason"]);
  return { at: integer(at, `${path}.at`, 0), reason: text(reason, `${path}.reason`, /^.{1,256}$/s) };
}

export function broken(path: string, rule: string): KeyringError {
  return new KeyringError("BROKEN_RECORD", `epoch record: ${path} ${rule}`);
}
