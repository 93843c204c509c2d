import { type CelInput, type CelValue, isCelList, isCelMap, isCelUint } from "@bufbuild/cel";

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
 * What CEL computed as a JSON value.
 *
 * @throws RangeError when JSON has no such value: bytes, a time, a type, a number that is not finite or beyond ±2^53.
 */
export function jsonOf(value: CelValue): unknown {
  if (value === null || typeof value === "string" || typeof value === "boolean") return value;
  if (typeof value === "number" || typeof value === "bigint") return jsonNumber(Number(value));
  if (isCelUint(value)) return jsonNumber(Number(value.value));
  if (isCelList(value)) return [...value].map(jsonOf);
  if (isCelMap(value)) return Object.fromEntries([...value].map(([name, inner]) => [memberName(name), jsonOf(inner)]));
  throw new RangeError("JSON has no such value");
}

function jsonNumber(value: number): number {
  if (!Number.isFinite(value) || (Number.isInteger(value) && !Number.isSafeInteger(value)))
    throw new RangeError("the number is not finite, or an integer beyond ±2^53");
  return value;
}

function memberName(name: unknown): string {
  if (typeof name !== "string") throw new RangeError("the members of an object are named by texts");
  return name;
}
