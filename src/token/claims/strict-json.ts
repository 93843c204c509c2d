import { isUtf8 } from "node:buffer";
import { PROTOTYPE_NAMES } from "../../profile/model/names.ts";

export type Json = null | boolean | number | string | readonly Json[] | JsonObject;
export interface JsonObject {
  readonly [name: string]: Json;
}

const MAX_DEPTH = 16;

/**
 * Parses a JSON object (RFC 8259) with the rules that security needs: well-formed UTF-8 without a byte order mark, no
 * duplicate name in one object (RFC 7515, 4: parsers differ on which one counts), no lone surrogate, no name that
 * reaches a prototype, at most 16 levels. Undefined for anything else. Never throws.
 */
export function parseStrictObject(bytes: Buffer): JsonObject | undefined {
  if (!isUtf8(bytes)) return undefined;
  const text = bytes.toString("utf8");
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
  const members = countMembers(value, 1);
  // JSON.parse keeps the last of two equal names, so the text then has more members than the value.
  return members !== undefined && members === countColons(text) ? (value as JsonObject) : undefined;
}

/** Number of members on all levels. Undefined when the value breaks a rule. */
function countMembers(value: unknown, depth: number): number | undefined {
  if (typeof value === "string") return value.isWellFormed() ? 0 : undefined;
  if (typeof value !== "object" || value === null) return 0;
  if (depth > MAX_DEPTH) return undefined;
  let total = 0;
  if (Array.isArray(value)) {
    for (const item of value) {
      const inside = countMembers(item, depth + 1);
      if (inside === undefined) return undefined;
      total += inside;
    }
    return total;
  }
  for (const name of Object.keys(value)) {
    if (PROTOTYPE_NAMES.has(name) || !name.isWellFormed()) return undefined;
    const inside = countMembers((value as Record<string, unknown>)[name], depth + 1);
    if (inside === undefined) return undefined;
    total += inside + 1;
  }
  return total;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COLON = 0x3a;

/** Number of colons outside strings. In valid JSON each member has exactly one. */
function countColons(text: string): number {
  let colons = 0;
  let inString = false;
  for (let i = 0; i < text.length; i += 1) {
    const code = text.charCodeAt(i);
    if (code === QUOTE) inString = !inString;
    else if (inString && code === BACKSLASH) i += 1;
    else if (!inString && code === COLON) colons += 1;
  }
  return colons;
}
