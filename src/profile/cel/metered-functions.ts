import {
  type CelEnv,
  type CelFunc,
  type CelList,
  CelScalar,
  type CelValue,
  celEnv,
  celFunc,
  celList,
  celMap,
  isCelError,
  isCelList,
  isCelMap,
  listType,
  mapType,
} from "@bufbuild/cel";
import { compileLinearPattern, type LinearPattern, LONGEST_TEXT } from "../../schema/linear-pattern.ts";
import type { CostMeter } from "./cost.ts";
import { APPEND, LIST, LOOP, MAP } from "./metered-loops.ts";
import { MeteredMap } from "./values.ts";

type FuncGroup = NonNullable<ReturnType<CelEnv["funcs"]["find"]>>;

const { BOOL, DOUBLE, DYN } = CelScalar;
const ANY_LIST = listType(DYN);
const ANY_MAP = mapType(DYN, DYN);

/** An error is an object with a message that is made, merged and dropped. */
const ERROR_COST = 20;

/** Functions that work much longer than their argument is long: they parse it, or ask for the rules of a time zone. */
const DEAR: Readonly<Record<string, number>> = { timestamp: 100, duration: 100 };
const TIME_ZONE_COST = 1_600;

/** Characters that a function works on for one unit. */
const CHARACTERS = 4;

/** In characters. Longer patterns belong in the profile, where they are compiled once. */
const LONGEST_GIVEN_PATTERN = 256;
const GIVEN_PATTERN_COST = 100;

/** The functions of an environment, which pay for work that grows with their arguments, and those of `own`. */
export function meteredEnv(meter: CostMeter, patterns: ReadonlyMap<string, LinearPattern>, own: CelFunc[]): CelEnv {
  const env = celEnv({
    funcs: [...own, ...walkingFunctions(meter), ...loopFunctions(meter)],
    re2: { compile: (pattern) => meteredPattern(meter, patterns.get(pattern) ?? givenPattern(meter, pattern)) },
  });
  const groups = new Map<string, FuncGroup>();
  for (const { name } of env.funcs) {
    const group = env.funcs.find(name);
    if (group !== undefined) groups.set(name, meteredGroup(meter, group));
  }
  // The library has no constructor for either that takes functions it did not make itself.
  const funcs = Object.create(env.funcs, { find: { value: (name: string) => groups.get(name) } });
  return Object.create(env, { funcs: { value: funcs } });
}

function meteredGroup(meter: CostMeter, group: FuncGroup): FuncGroup {
  const { name } = group;
  const dear = DEAR[name] ?? 0;
  const isTimePart = name.startsWith("get");
  const call: FuncGroup["call"] = (id, target, args) => {
    let cost = dear + textCost(target);
    for (const arg of args) cost += textCost(arg);
    meter.spend(isTimePart && args.length > 0 ? cost + TIME_ZONE_COST : cost);
    const result = group.call(id, target, args);
    // The library turns what a function throws into an error, which `||` drops. Here the meter throws again, to the
    // end.
    meter.spend(result === undefined || isCelError(result) ? ERROR_COST : 0);
    return result;
  };
  return Object.create(group, { call: { value: call } });
}

function textCost(value: CelValue | undefined): number {
  return typeof value === "string" || value instanceof Uint8Array ? Math.ceil(value.length / CHARACTERS) : 0;
}

/** The functions that walk values: they compare as the library does, and pay for each value that they meet. */
function walkingFunctions(meter: CostMeter): CelFunc[] {
  const scalars = celEnv().funcs.find("_==_");

  function equal(left: CelValue, right: CelValue): boolean {
    meter.spend(1);
    // Nearly all are texts or numbers of JSON; only ints, uints and bytes need the library.
    if (typeof left === typeof right && typeof left !== "object") return left === right;
    if (isCelList(left)) return isCelList(right) && equalLists(left, right);
    if (isCelMap(left)) return isCelMap(right) && left.size === right.size && [...left].every(isEntryOf(right));
    return scalars?.call(0, undefined, [left, right]) === true;
  }

  function equalLists(left: CelList, right: CelList): boolean {
    if (left.size !== right.size) return false;
    const others = right.values();
    for (const value of left) if (!equal(value, others.next().value as CelValue)) return false;
    return true;
  }

  function isEntryOf(map: ReadonlyMap<unknown, CelValue>) {
    return ([key, value]: [unknown, CelValue]): boolean => {
      const other = map.get(key);
      return other !== undefined && equal(value, other);
    };
  }

  function isIn(value: CelValue, list: CelList): boolean {
    for (const item of list) if (equal(item, value)) return true;
    return false;
  }

  return [
    celFunc("_==_", [DYN, DYN], BOOL, equal),
    celFunc("_!=_", [DYN, DYN], BOOL, (left, right) => !equal(left, right)),
    celFunc("@in", [DYN, ANY_LIST], BOOL, isIn),
  ];
}

/** The functions that `meterLoops` puts into an expression. */
function loopFunctions(meter: CostMeter): CelFunc[] {
  const itemsOf = new WeakMap<CelList, CelValue[]>();
  return [
    celFunc(LOOP, [DYN, DOUBLE], DYN, (range, stepCost) => {
      if (isCelList(range) || isCelMap(range)) meter.spend(range.size * (1 + stepCost));
      return range;
    }),
    celFunc(LIST, [], ANY_LIST, () => {
      const items: CelValue[] = [];
      const list = celList(items);
      itemsOf.set(list, items);
      return list;
    }),
    celFunc(APPEND, [ANY_LIST, ANY_LIST], ANY_LIST, (list, more) => {
      itemsOf.get(list)?.push(...more);
      return list;
    }),
    celFunc(MAP, [ANY_MAP], ANY_MAP, (map) => {
      const metered = new MeteredMap(meter);
      for (const [key, value] of map) metered.set(key, value);
      return celMap(metered);
    }),
  ];
}

/**
 * A pattern that a claim or a context holds: one that counts repetitions would make a large program of a short text.
 */
function givenPattern(meter: CostMeter, pattern: string): LinearPattern {
  meter.spend(pattern.length * GIVEN_PATTERN_COST);
  if (pattern.length > LONGEST_GIVEN_PATTERN) throw new Error("a pattern that is not a literal is too long");
  if (/\{|\\[pP]/.test(pattern)) throw new Error("a pattern that is not a literal has {} or a class of characters");
  return compileLinearPattern(pattern);
}

/** A match may follow every instruction of the pattern for every character. */
function meteredPattern(meter: CostMeter, pattern: LinearPattern): { test(text: string): boolean } {
  return {
    test(text) {
      if (text.length > LONGEST_TEXT) throw new Error("the text is too long for a pattern");
      meter.spend(Math.ceil(pattern.mostSteps(text.length) / 2));
      return pattern.test(text);
    },
  };
}
