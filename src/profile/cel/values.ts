import { type CelInput, type CelValue, isCelList, isCelMap, isCelUint } from "@bufbuild/cel";
import { PROTOTYPE_NAMES } from "../model/names.ts";

/** Of a claim. With the token's own object around it, no verifier's limit of 16 levels is met. */
const MAX_DEPTH = 8;

/**
 * A JSON value as CEL sees it. Objects become maps: the library takes a plain object with a member `$typeName` for a
 * protobuf message, and looks at its `constructor`, which a client may choose.
 */
export function celInput(value: unknown): CelInput {
  if (Array.isArray(value)) return value.map(celInput);
  if (typeof value !== "object" || value === null) return value as CelInput;
  return new Map(Object.entries(value).map(([name, inner]) => [name, celInput(inner)]));
}

/**
 * What CEL computed as a JSON value that a token may carry.
 *
 * @throws RangeError when there is no such value: bytes, a time, a type, a number that is not finite or beyond ±2^53, a
 * name that is none of a text or that no verifier takes, more than 8 levels.
 */
export function jsonOf(value: CelValue, depth = 0): unknown {
  if (depth > MAX_DEPTH) throw new RangeError(`the value nests deeper than ${MAX_DEPTH} levels`);
  if (value === null || typeof value === "string" || typeof value === "boolean") return value;
  if (typeof value === "number" || typeof value === "bigint") return jsonNumber(Number(value));
  if (isCelUint(value)) return jsonNumber(Number(value.value));
  if (isCelList(value)) return [...value].map((item) => jsonOf(item, depth + 1));
  if (isCelMap(value))
    return Object.fromEntries([...value].map(([name, inner]) => [memberName(name), jsonOf(inner, depth + 1)]));
  throw new RangeError("JSON has no such value");
}

function jsonNumber(value: number): number {
  if (!Number.isFinite(value) || (Number.isInteger(value) && !Number.isSafeInteger(value)))
    throw new RangeError("the number is not finite, or an integer beyond ±2^53");
  return value;
}

function memberName(name: unknown): string {
  if (typeof name !== "string") throw new RangeError("the members of an object are named by texts");
  if (PROTOTYPE_NAMES.has(name)) throw new RangeError("the name of a member is one of a prototype");
  return name;
}
