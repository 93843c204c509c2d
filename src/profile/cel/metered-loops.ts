import type { parse } from "@bufbuild/cel";

export type Expression = NonNullable<ReturnType<typeof parse>["expr"]>;
type Comprehension = Extract<Expression["exprKind"], { case: "comprehensionExpr" }>["value"];

/** Functions that no expression can name, because their names are no identifiers. */
export const LOOP = "@loop";
export const LIST = "@list";
export const APPEND = "@append";
export const MAP = "@map";

/** A member is looked up under several names, from the longest. One that is missing makes an error. */
const SELECT_COST = 4;

/** These merge the errors of their operands into new ones. */
const LOGIC = new Set(["_&&_", "_||_", "_?_:_"]);
const LOGIC_COST = 3;

/**
 * Makes the loops of a parsed expression pay for what they do, since the library has no hook for that. A macro becomes
 * a loop over a list; the list is now an argument of {@link LOOP}, beside the cost of one step. A loop pays before its
 * first step, for all of them: whether it fits depends on how long its list is, not on where a match stands.
 *
 * `map` and `filter` append to their own list ({@link APPEND}). The library would nest a list in a list for each step,
 * and reading the result would take the square of its length. Map literals become {@link MAP}s.
 *
 * Changes the expression. Returns the cost of an evaluation without its loops.
 */
export function meterLoops(node: Expression | undefined): number {
  const kind = node?.exprKind;
  switch (kind?.case) {
    case "selectExpr":
      return SELECT_COST + meterLoops(kind.value.operand);
    case "callExpr":
      return (LOGIC.has(kind.value.function) ? LOGIC_COST : 1) + total([kind.value.target, ...kind.value.args]);
    case "listExpr":
      return 1 + total(kind.value.elements);
    case "structExpr": {
      const entries = kind.value.entries.flatMap(({ keyKind, value }) => [
        keyKind.case === "mapKey" ? keyKind.value : undefined,
        value,
      ]);
      const cost = 1 + 2 * total(entries);
      if (node !== undefined) node.exprKind = call(MAP, [{ ...node }]);
      return cost;
    }
    case "comprehensionExpr":
      return meterLoop(kind.value);
    default:
      return 1;
  }
}

function meterLoop(loop: Comprehension): number {
  const step = total([loop.loopCondition, loop.loopStep]);
  const around = 1 + total([loop.iterRange, loop.accuInit, loop.result]);
  if (loop.accuInit?.exprKind.case === "listExpr") {
    loop.accuInit.exprKind = call(LIST, []);
    appendTo(loop.accuVar, loop.loopStep);
  }
  if (loop.iterRange !== undefined) loop.iterRange = expression(call(LOOP, [loop.iterRange, number(step)]));
  return around;
}

/** Appends in place where a step of `map` or `filter` adds to the list of its loop, which nothing else can name. */
function appendTo(list: string, step: Expression | undefined): void {
  const kind = step?.exprKind;
  if (kind?.case !== "callExpr") return;
  const [first] = kind.value.args;
  if (kind.value.function === "_?_:_") appendTo(list, kind.value.args[1]);
  else if (kind.value.function === "_+_" && first?.exprKind.case === "identExpr" && first.exprKind.value.name === list)
    kind.value.function = APPEND;
}

function total(nodes: readonly (Expression | undefined)[]): number {
  return nodes.reduce((cost, node) => cost + (node === undefined ? 0 : meterLoops(node)), 0);
}

function call(name: string, args: Expression[]): Expression["exprKind"] {
  return { case: "callExpr", value: { $typeName: "cel.expr.Expr.Call", function: name, args } };
}

function number(value: number): Expression {
  const constantKind = { case: "doubleValue", value } as const;
  return expression({ case: "constExpr", value: { $typeName: "cel.expr.Constant", constantKind } });
}

function expression(exprKind: Expression["exprKind"]): Expression {
  return { $typeName: "cel.expr.Expr", id: 0n, exprKind };
}
