import { type CelInput, type CelMap, type CelValue, isCelList, isCelMap, isCelUint } from "@bufbuild/cel";
import { isExact, MUST_BE_EXACT } from "../../schema/exact-number.ts";
import { PROTOTYPE_NAMES } from "../model/names.ts";
import type { CostMeter } from "./cost.ts";

/** Levels within a claim: well below the limit of 16 that verifiers have for a token. */
const MAX_DEPTH = 8;

/**
 * Converts a JSON value for CEL. Objects become maps: the library would treat a plain object with a member `$typeName`
 * as a protobuf message, and read its `constructor`, both of which a client can choose.
 */
export function celInput(value: unknown, meter: CostMeter): CelInput {
  if (Array.isArray(value)) return value.map((item) => celInput(item, meter));
  if (typeof value !== "object" || value === null) return value as CelInput;
  const map = new MeteredMap(meter);
  for (const name of Object.keys(value)) map.set(name, celInput((value as Record<string, unknown>)[name], meter));
  return map;
}

type Key = Exclude<Parameters<CelMap["get"]>[0], number>;

/** A map whose keys cost something to walk: the library walks them for each look-up by a number. */
export class MeteredMap extends Map<Key, CelInput> {
  readonly #meter: CostMeter;

  constructor(meter: CostMeter) {
    super();
    this.#meter = meter;
  }

  override keys(): MapIterator<Key> {
    this.#meter.spend(this.size);
    return super.keys();
  }
}

/** Characters of a text that cost one unit. */
const CHARACTERS = 16;

/**
 * Converts a result of CEL to a JSON value that a token may contain. `spend` is asked for each value: a list may hold
 * the same value many times, which JSON writes out.
 *
 * @throws RangeError for bytes, times and types, numbers beyond ±(2^53-1), member names that are not strings or that
 * verifiers reject, and more than 8 levels.
 */
export function jsonOf(value: CelValue, spend: CostMeter["spend"], depth = 0): unknown {
  spend(1 + (typeof value === "string" ? value.length / CHARACTERS : isCelList(value) ? value.size : 0));
  if (depth > MAX_DEPTH) throw new RangeError(`the value nests deeper than ${MAX_DEPTH} levels`);
  if (value === null || typeof value === "string" || typeof value === "boolean") return value;
  if (typeof value === "number" || typeof value === "bigint") return jsonNumber(Number(value));
  if (isCelUint(value)) return jsonNumber(Number(value.value));
  if (isCelList(value)) return [...value].map((item) => jsonOf(item, spend, depth + 1));
  if (isCelMap(value))
    return Object.fromEntries(
      [...value].map(([key, inner]) => {
        const name = memberName(key);
        spend(name.length / CHARACTERS);
        return [name, jsonOf(inner, spend, depth + 1)];
      }),
    );
  throw new RangeError("JSON has no such value");
}

function jsonNumber(value: number): number {
  if (!isExact(value)) throw new RangeError(`the number ${MUST_BE_EXACT}`);
  return value;
}

function memberName(name: unknown): string {
  if (typeof name !== "string") throw new RangeError("the name of a member is not a string");
  if (PROTOTYPE_NAMES.has(name)) throw new RangeError("the name of a member could reach a prototype");
  return name;
}
