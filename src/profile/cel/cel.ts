import { CelScalar, type CelValue, celEnv, celFunc, isCelError, parse, plan } from "@bufbuild/cel";
import type { NormaliseStep } from "../file/schema.ts";
import { unknownNames } from "./names.ts";
import { celInput } from "./values.ts";

/** The parser goes down several calls for each. */
const MAX_BRACKETS = 64;

/** Evaluates one expression over its variables. What fails is an Error in the place of a value; it never throws. */
export type Program = (variables: Readonly<Record<string, unknown>>) => CelValue | Error;

/** Compiles an expression over these variables, each with a JSON Schema of it, or answers what is wrong with it. */
export type CompileCel = (
  expression: string,
  variables: Readonly<Record<string, object>>,
) => Program | readonly string[];

/**
 * The Common Expression Language with the functions of a profile: `normalised(name, text)` brings a text to the form that
 * the profile's `normalise` describes, `segments_match(pattern, id)` compares segments split at `/`. Numbers of JSON are
 * doubles: they compare with any number, but an operator needs `1.0` and not `1`.
 */
export function createCelCompiler(normalisers: ReadonlyMap<string, Normaliser>): CompileCel {
  const { STRING, BOOL } = CelScalar;
  const env = celEnv({
    funcs: [
      celFunc("segments_match", [STRING, STRING], BOOL, segmentsMatch),
      // That the name is known was checked when the expression was compiled.
      celFunc("normalised", [STRING, STRING], STRING, (name, text) => normalisers.get(name)?.(text) ?? text),
    ],
  });
  const known = { functions: env.funcs, normalisers: new Set(normalisers.keys()) };

  return (expression, variables) => {
    if (bracketDepth(expression) > MAX_BRACKETS) return [`must not nest brackets deeper than ${MAX_BRACKETS} levels`];
    try {
      const parsed = parse(expression);
      const faults = unknownNames(parsed.expr, { ...known, variables });
      if (faults.length > 0) return faults;
      const evaluate = plan(env, parsed);
      return (values) => evaluated(evaluate, values);
    } catch (error) {
      return [`is not a CEL expression: ${messageOf(error)}`];
    }
  };
}

function evaluated(evaluate: ReturnType<typeof plan>, values: Readonly<Record<string, unknown>>): CelValue | Error {
  try {
    const bindings = Object.fromEntries(Object.entries(values).map(([name, value]) => [name, celInput(value)]));
    const result = evaluate(bindings);
    return isCelError(result) ? new Error(result.message) : result;
  } catch (error) {
    return new Error(messageOf(error));
  }
}

/** Those within a text count as well: nobody writes so many. */
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
  // The parser calls its input so, with line and column.
  return error instanceof Error ? error.message.replace(/^<input>:/, "at ") : "unreadable";
}

/**
 * Whether an id fits a pattern, both split at `/`: a segment stands for itself, `*` for any one segment, and a `*` at the
 * end for one or more. No `*` takes an empty segment: `a//b` names something else in every other parser.
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

/** Brings the spellings of one name to one form. */
export type Normaliser = (text: string) => string;

/** The steps of a profile's file as one function: each step works once, on what the step before left. */
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
