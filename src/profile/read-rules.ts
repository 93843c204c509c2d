import type { CompileCel, Program } from "./cel.ts";
import type { FileFaults } from "./faults-of-file.ts";
import type { ProfileFile } from "./profile-file.ts";
import type { Rule, WarningRule } from "./rule.ts";

/** The rules that a token and its context must satisfy. */
export function readRules(rules: ProfileFile["rules"], compile: CompileCel, faults: FileFaults): Rule[] {
  return rules.map(({ require, reason, message }, index) => {
    const program = readExpression(compile, require, ["claims", "context"], ["rules", index, "require"], faults);
    const holds: Rule["holds"] = ({ claims, context }) => program({ claims, context }) === true;
    return { expression: require, reason, message, holds };
  });
}

/** What is worth a warning at issue. */
export function readWarnings(
  warnings: ProfileFile["warnings"],
  compile: CompileCel,
  faults: FileFaults,
): WarningRule[] {
  return warnings.map(({ when, code, message }, index) => {
    const program = readExpression(compile, when, ["request"], ["warnings", index, "when"], faults);
    return { expression: when, code, message, applies: (request) => program({ request }) === true };
  });
}

/** Compiles an expression of the file. What is wrong with it becomes a fault, and the program one that always fails. */
export function readExpression(
  compile: CompileCel,
  expression: string,
  variables: readonly string[],
  path: readonly (string | number)[],
  faults: FileFaults,
): Program {
  const compiled = compile(expression, variables);
  if (typeof compiled === "function") return compiled;
  for (const message of compiled) faults.add(path, message);
  return () => new Error("the expression is not compiled");
}
