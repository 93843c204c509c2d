import type { Faults } from "../../schema/fault.ts";
import type { CompileCel, Program, Wanted } from "../cel/cel.ts";
import { failureOf } from "../cel/failure.ts";
import type { ProfileFile } from "../file/schema.ts";
import type { ExpressionFailure, Rule, WarningRule } from "../model/rules.ts";
import { NO_CONTEXT } from "./check-fit.ts";
import { claimsShape } from "./schema-members.ts";

const BOOLEAN: Wanted = { schema: { type: "boolean" }, nullable: false };
const NOT_BOOLEAN: ExpressionFailure = { reason: "failed", cause: "it gives no boolean" };

/** Compiles the rules that a token and its context must satisfy. */
export function compileRules(raw: ProfileFile, compile: CompileCel, faults: Faults): Rule[] {
  const variables = { claims: claimsShape(raw), context: raw.context ?? NO_CONTEXT };
  return raw.rules.map(({ require, reason, message }, index) => {
    const condition = compileCondition(compile, require, variables, ["rules", index, "require"], faults);
    const holds: Rule["holds"] = ({ claims, context }) => condition({ claims, context });
    return { expression: require, reason, message, holds };
  });
}

/** Compiles the conditions for warnings at issue. */
export function compileWarnings(
  { warnings, request: schema }: ProfileFile,
  compile: CompileCel,
  faults: Faults,
): WarningRule[] {
  return warnings.map(({ when, code, message }, index) => {
    const condition = compileCondition(compile, when, { request: schema }, ["warnings", index, "when"], faults);
    const applies: WarningRule["applies"] = (request) => condition({ request });
    return { expression: when, code, message, applies };
  });
}

/** Only true holds. Never throws. */
export type Condition = (values: Readonly<Record<string, unknown>>) => boolean | ExpressionFailure;

/** Compiles an expression that gives a boolean, over variables that each have a JSON Schema. */
export function compileCondition(
  compile: CompileCel,
  expression: string,
  variables: Readonly<Record<string, object>>,
  path: readonly (string | number)[],
  faults: Faults,
): Condition {
  const program = compileExpression(compile, expression, variables, BOOLEAN, path, faults);
  return (values) => {
    const result = program(values);
    if (result instanceof Error) return failureOf(result);
    return typeof result === "boolean" ? result : NOT_BOOLEAN;
  };
}

/** Compiles an expression of the file. Its errors become faults, and the program then always fails. */
export function compileExpression(
  compile: CompileCel,
  expression: string,
  variables: Readonly<Record<string, object>>,
  wanted: Wanted,
  path: readonly (string | number)[],
  faults: Faults,
): Program {
  const compiled = compile(expression, variables, wanted);
  if (typeof compiled === "function") return compiled;
  for (const message of compiled) faults.add(path, message);
  return () => new Error("the expression is not compiled");
}
