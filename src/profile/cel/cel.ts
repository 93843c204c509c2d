import { type CelInput, CelScalar, celFunc, isCelError, parse, plan } from "@bufbuild/cel";
import type { LinearPattern } from "../../schema/linear-pattern.ts";
import { sortedJson } from "../canonical-json.ts";
import type { NormaliseStep } from "../file/schema.ts";
import { COST_LIMIT, CostError, type CostMeter, createCostMeter } from "./cost.ts";
import { expressionFaults } from "./expression-faults.ts";
import { meteredEnv } from "./metered-functions.ts";
import { meterLoops } from "./metered-loops.ts";
import { typeFaults } from "./type-faults.ts";
import { celInput, jsonOf } from "./values.ts";

/** The parser recurses several times for each. */
const MAX_BRACKETS = 64;

/**
 * Evaluates one expression to a JSON value. Returns an Error when that fails, and a {@link CostError} when it would
 * cost too much; never throws.
 */
export type Program = (variables: Readonly<Record<string, unknown>>) => unknown;

/** What the result of an expression must be. */
export interface Wanted {
  /** A JSON Schema. */
  readonly schema: object;
  readonly nullable: boolean;
}

/**
 * Compiles an expression over variables, each with its JSON Schema. Returns the faults of a wrong expression. Without
 * `wanted` its types are not checked.
 */
export type CompileCel = (
  expression: string,
  variables: Readonly<Record<string, object>>,
  wanted?: Wanted,
) => Program | readonly string[];

/**
 * Creates a compiler for CEL with three more functions: `normalised(name, text)` applies an entry of the profile's
 * `normalise`, `segments_match(pattern, id)` compares segments split at `/`, and `json(value)` is the compact JSON text
 * of a value, with the members of objects sorted by name. JSON numbers are doubles: they compare
 * with any number, but arithmetic needs `1.0` instead of `1`.
 *
 * @param costLimit what one evaluation may cost.
 */
export function createCelCompiler(
  normalisers: ReadonlyMap<string, Normaliser>,
  costLimit: number = COST_LIMIT,
): CompileCel {
  const { STRING, BOOL, DYN } = CelScalar;
  const meter = createCostMeter(costLimit);
  const patterns = new Map<string, LinearPattern>();
  const env = meteredEnv(meter, patterns, [
    celFunc("segments_match", [STRING, STRING], BOOL, segmentsMatch),
    celFunc("json", [DYN], STRING, (value) => sortedJson(jsonOf(value, meter.spend))),
    // Compiling the expression has checked the name.
    celFunc("normalised", [STRING, STRING], STRING, (name, text) => normalisers.get(name)?.(text) ?? text),
  ]);
  const known = { functions: env.funcs, normalisers: new Set(normalisers.keys()), patterns };

  return (expression, variables, wanted) => {
    if (bracketDepth(expression) > MAX_BRACKETS) return [`must not nest brackets deeper than ${MAX_BRACKETS} levels`];
    try {
      const parsed = parse(expression);
      const faults = expressionFaults(parsed.expr, { ...known, variables });
      if (faults.length > 0) return faults;
      const wrong = wanted === undefined ? [] : typeFaults(parsed.expr, variables, env.funcs, wanted);
      if (wrong.length > 0) return wrong;
      const cost = meterLoops(parsed.expr);
      if (cost > COST_LIMIT) return ["is too long"];
      return program(plan(env, parsed), meter, cost);
    } catch (error) {
      return [`is not a CEL expression: ${messageOf(error)}`];
    }
  };
}

/** `cost`: of an evaluation in which no loop takes a step. */
function program(evaluate: ReturnType<typeof plan>, meter: CostMeter, cost: number): Program {
  return (variables) => {
    // With its stack an error of the library takes 18 µs instead of one, and a loop may make one in each step.
    const { stackTraceLimit } = Error;
    Error.stackTraceLimit = 0;
    try {
      meter.start();
      meter.spend(cost);
      const bindings: Record<string, CelInput> = {};
      for (const name of Object.keys(variables)) bindings[name] = celInput(variables[name], meter);
      const result = evaluate(bindings);
      // Whatever the library made of the error that the meter threw.
      if (meter.isOver) return new CostError();
      return isCelError(result) ? new Error(result.message) : jsonOf(result, meter.spend);
    } catch (error) {
      return error instanceof CostError ? error : new Error(messageOf(error));
    } finally {
      Error.stackTraceLimit = stackTraceLimit;
    }
  };
}

/** Brackets in string literals count as well: no legitimate expression has that many. */
function bracketDepth(expression: string): number {
  let [depth, deepest] = [0, 0];
  for (const character of expression) {
    if ("([{".includes(character)) depth += 1;
    else if (")]}".includes(character)) depth -= 1;
    deepest = Math.max(deepest, depth);
  }
  return deepest;
}

function messageOf(error: unknown): string {
  // The parser puts `<input>:` before line and column.
  return error instanceof Error ? error.message.replace(/^<input>:/, "at ") : "unreadable";
}

/**
 * Whether an id matches a pattern, both split at `/`: `*` matches any one segment, `*` at the end one or more, and any
 * other segment itself. `*` never matches an empty segment, because other parsers read `a//b` differently.
 */
export function segmentsMatch(pattern: string, id: string): boolean {
  const wanted = pattern.split("/");
  const given = id.split("/");
  const open = wanted.at(-1) === "*";
  if (open ? given.length < wanted.length : given.length !== wanted.length) return false;
  return given.every((segment, index) => {
    const want = index < wanted.length ? wanted[index] : "*";
    return want === "*" ? segment !== "" : segment === want;
  });
}

/** Maps the spellings of one name to one form. */
export type Normaliser = (text: string) => string;

/** Composes the steps of a `normalise` entry: each is applied once, to the result of the step before. */
export function createNormaliser(steps: readonly NormaliseStep[]): Normaliser {
  const functions = steps.map(stepFunction);
  return (text) => functions.reduce((left, step) => step(left), text);
}

function stepFunction(step: NormaliseStep): Normaliser {
  if (step === "trim") return (text) => text.trim();
  if ("drop_prefix" in step) {
    const prefix = step.drop_prefix;
    return (text) => (text.startsWith(prefix) ? text.slice(prefix.length) : text);
  }
  const suffix = step.drop_suffix;
  return (text) => (text.endsWith(suffix) ? text.slice(0, -suffix.length) : text);
}
