import type { CelEnv, parse } from "@bufbuild/cel";

type Expression = ReturnType<typeof parse>["expr"];
type Comprehension = Extract<Expression["exprKind"], { case: "comprehensionExpr" }>["value"];

/** The names of types are values in CEL. */
const TYPES = ["int", "uint", "double", "bool", "string", "bytes", "list", "map", "null_type", "type"];

/** What an expression may name. */
export interface KnownNames {
  readonly variables: readonly string[];
  readonly functions: CelEnv["funcs"];
  /** The first argument of `normalised`. */
  readonly normalisers: ReadonlySet<string>;
}

/**
 * The names in an expression that nothing has, each with what is allowed. Evaluated they would be errors, and a rule that
 * always denies is found too late.
 */
export function unknownNames(expression: Expression, known: KnownNames): string[] {
  const found: string[] = [];
  visit(expression, new Set([...TYPES, ...known.variables]));
  return [...new Set(found)];

  function visit(node: Expression | undefined, scope: ReadonlySet<string>): void {
    const kind = node?.exprKind;
    switch (kind?.case) {
      case "identExpr":
        if (!scope.has(kind.value.name))
          found.push(`names the unknown variable ${kind.value.name} (known: ${known.variables.join(", ")})`);
        break;
      case "selectExpr":
        visit(kind.value.operand, scope);
        break;
      case "callExpr":
        checkCall(kind.value.function, kind.value.args);
        for (const inner of [kind.value.target, ...kind.value.args]) visit(inner, scope);
        break;
      case "listExpr":
        for (const inner of kind.value.elements) visit(inner, scope);
        break;
      case "structExpr":
        for (const { keyKind, value } of kind.value.entries) {
          if (keyKind.case === "mapKey") visit(keyKind.value, scope);
          visit(value, scope);
        }
        break;
      case "comprehensionExpr":
        visitComprehension(kind.value, scope);
    }
  }

  function visitComprehension(of: Comprehension, scope: ReadonlySet<string>): void {
    const inside = new Set([...scope, of.accuVar, of.iterVar, of.iterVar2]);
    for (const outer of [of.iterRange, of.accuInit]) visit(outer, scope);
    for (const inner of [of.loopCondition, of.loopStep, of.result]) visit(inner, inside);
  }

  function checkCall(name: string, args: readonly Expression[]): void {
    // The names of operators, such as _&&_, can't be written by hand.
    if (/^[A-Za-z]\w*$/.test(name) && known.functions.find(name) === undefined)
      found.push(`calls the unknown function ${name}`);
    if (name !== "normalised") return;
    const kind = args[0]?.exprKind;
    const constant = kind?.case === "constExpr" ? kind.value.constantKind : undefined;
    if (constant?.case !== "stringValue" || !known.normalisers.has(constant.value))
      found.push(
        `calls normalised with a first argument that is no name of \`normalise\` (known: ${[...known.normalisers].join(", ") || "none"})`,
      );
  }
}
