import { PROTOTYPE_NAMES } from "../../profile/model/names.ts";
import { parseStrictObject } from "../../token/claims/strict-json.ts";
import { usageError } from "../failure.ts";
import type { Io } from "../io.ts";
import { readValue } from "./read-value.ts";

/**
 * The `claims` of an issue request, from `--claims` (a JSON object) and `--claim key=value` (strings). Undefined when
 * neither is given. No error text repeats a value, since claims are personal data.
 */
export async function requestClaims(
  options: { readonly claims?: string; readonly claim?: readonly string[] },
  io: Io,
): Promise<Record<string, unknown> | undefined> {
  if (options.claims === undefined && options.claim === undefined) return undefined;
  const object =
    options.claims === undefined ? {} : jsonObject(await readValue(options.claims, io, "the claims"), "--claims");
  const entries = (options.claim ?? []).map(parseClaim);
  const names = [...Object.keys(object), ...entries.map(([name]) => name)];
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw usageError(`the claim ${JSON.stringify(twice)} is given twice`);
  return Object.fromEntries([...Object.entries(object), ...entries]);
}

/** Parses the value of an option that takes a JSON object. */
export function jsonObject(text: string, option: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw usageError(`${option} is not JSON; allowed: a JSON object, @file, or - for standard input`);
  }
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw usageError(`${option} must be a JSON object`);
  // JSON.parse keeps the last of two members with one name, and the encoder drops a member named __proto__.
  if (parseStrictObject(Buffer.from(text)) === undefined)
    throw usageError(
      `${option} must have no duplicate name, none of the names ${[...PROTOTYPE_NAMES].join(", ")}, ` +
        "and at most 16 levels",
    );
  return value as Record<string, unknown>;
}

function parseClaim(text: string): [string, string] {
  const at = text.indexOf("=");
  if (at < 1) throw usageError("--claim must be key=value; the value is a string (other types: --claims)");
  const name = text.slice(0, at);
  if (PROTOTYPE_NAMES.has(name)) throw usageError(`--claim must not be named ${name}`);
  return [name, text.slice(at + 1)];
}
