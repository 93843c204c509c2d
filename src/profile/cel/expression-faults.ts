import type { CelEnv, parse } from "@bufbuild/cel";
import { isExact, MUST_BE_EXACT } from "../../schema/exact-number.ts";
import { compileLinearPattern, type LinearPattern } from "../../schema/linear-pattern.ts";
import { onlyMembers } from "../compile/schema-members.ts";

type Expression = ReturnType<typeof parse>["expr"];
type Constant = Extract<Expression["exprKind"], { case: "constExpr" }>["value"]["constantKind"];
type Struct = Extract<Expression["exprKind"], { case: "structExpr" }>["value"];
type Comprehension = Extract<Expression["exprKind"], { case: "comprehensionExpr" }>["value"];

/** In CEL the names of types are values. */
const TYPES = ["int", "uint", "double", "bool", "string", "bytes", "list", "map", "null_type", "type"];

/** Operators that access a member by its name. */
const INDEX = new Set(["_[_]", "@in"]);

/** The variables in scope, each with its schema if it has one. */
type Scope = ReadonlyMap<string, object | undefined>;

/** The names that an expression may use. */
export interface KnownNames {
  /** By name, each with its JSON Schema. */
  readonly variables: Readonly<Record<string, object>>;
  readonly functions: CelEnv["funcs"];
  /** Values for the first argument of `normalised`. */
  readonly normalisers: ReadonlySet<string>;
  /** Gets each literal pattern of `matches`, compiled. */
  readonly patterns: Map<string, LinearPattern>;
}

/**
 * Returns a fault for each unknown name in an expression, with the names that are allowed, and for each double that
 * loses digits. At run time an unknown name is an error: the rule would always deny, which is noticed too late. In
 * `!has(…)` it would never deny, which attackers would find.
 */
export function expressionFaults(expression: Expression, known: KnownNames): string[] {
  const found: string[] = [];
  visit(expression, new Map([...TYPES.map((name) => [name, undefined] as const), ...Object.entries(known.variables)]));
  return [...new Set(found)];

  function visit(node: Expression | undefined, scope: Scope): void {
    const kind = node?.exprKind;
    switch (kind?.case) {
      case "identExpr":
        if (!scope.has(kind.value.name))
          found.push(
            `names the unknown variable ${kind.value.name} (known: ${Object.keys(known.variables).join(", ")})`,
          );
        break;
      case "constExpr":
        checkNumber(kind.value.constantKind);
        break;
      case "selectExpr":
        checkMember(kind.value.operand, kind.value.field, scope);
        visit(kind.value.operand, scope);
        break;
      case "callExpr":
        checkCall(kind.value.function, kind.value.args);
        checkIndex(kind.value.function, kind.value.args, scope);
        for (const inner of [kind.value.target, ...kind.value.args]) visit(inner, scope);
        break;
      case "listExpr":
        for (const inner of kind.value.elements) visit(inner, scope);
        break;
      case "structExpr":
        visitStruct(kind.value, scope);
        break;
      case "comprehensionExpr":
        visitComprehension(kind.value, scope);
    }
  }

  /**
   * An int or uint has all its digits, and is compared exactly; a double may be another number than the written one.
   */
  function checkNumber(constant: Constant): void {
    if (constant.case === "doubleValue" && !isExact(constant.value))
      found.push(`holds a double, which ${MUST_BE_EXACT}`);
  }

  function visitStruct({ messageName, entries }: Struct, scope: Scope): void {
    // The value of a message is not JSON, and converting one takes time without a bound.
    if (messageName !== "") found.push(`makes a protobuf message, ${messageName}`);
    for (const { keyKind, value } of entries) {
      if (keyKind.case === "mapKey") visit(keyKind.value, scope);
      visit(value, scope);
    }
  }

  function visitComprehension(of: Comprehension, scope: Scope): void {
    const inside = new Map([
      ...scope,
      ...[of.accuVar, of.iterVar, of.iterVar2].map((name) => [name, undefined] as const),
    ]);
    for (const outer of [of.iterRange, of.accuInit]) visit(outer, scope);
    for (const inner of [of.loopCondition, of.loopStep, of.result]) visit(inner, inside);
  }

  function checkMember(operand: Expression | undefined, name: string, scope: Scope): void {
    const [variable, ...path] = placeOf(operand) ?? [];
    const schema = variable === undefined ? undefined : scope.get(variable);
    const only = schema && onlyMembers(schema, path);
    if (only === undefined || only.includes(name)) return;
    const member = [variable, ...path, name].join(".");
    found.push(`names the unknown member ${member} (known: ${only.join(", ") || "none"})`);
  }

  function checkIndex(name: string, [first, second]: readonly Expression[], scope: Scope): void {
    const [operand, index] = name === "@in" ? [second, first] : [first, second];
    const member = INDEX.has(name) ? textOf(index) : undefined;
    if (member !== undefined) checkMember(operand, member, scope);
  }

  /** Compiles a literal pattern once, for all evaluations. */
  function checkPattern(pattern: string | undefined): void {
    if (pattern === undefined || known.patterns.has(pattern)) return;
    try {
      known.patterns.set(pattern, compileLinearPattern(pattern));
    } catch (error) {
      found.push(`calls matches, but ${error instanceof Error ? error.message : "the pattern is unreadable"}`);
    }
  }

  function checkCall(name: string, args: readonly Expression[]): void {
    // Operators have names such as _&&_, which an expression can't contain.
    if (/^[A-Za-z]\w*$/.test(name) && known.functions.find(name) === undefined)
      found.push(`calls the unknown function ${name}`);
    if (name === "matches") checkPattern(textOf(args.at(-1)));
    if (name !== "normalised") return;
    const first = textOf(args[0]);
    if (first !== undefined && known.normalisers.has(first)) return;
    const names = [...known.normalisers].join(", ") || "none";
    found.push(`calls normalised with a first argument that is not a key of \`normalise\` (known: ${names})`);
  }
}

/** The variable and the member names that lead to a value; undefined for any other expression. */
function placeOf(node: Expression | undefined): string[] | undefined {
  const kind = node?.exprKind;
  if (kind?.case === "identExpr") return [kind.value.name];
  const [outer, name] =
    kind?.case === "selectExpr"
      ? [kind.value.operand, kind.value.field]
      : kind?.case === "callExpr" && kind.value.function === "_[_]"
        ? [kind.value.args[0], textOf(kind.value.args[1])]
        : [];
  const place = name === undefined ? undefined : placeOf(outer);
  return place && name !== undefined ? [...place, name] : undefined;
}

/** The value of a string literal; undefined for any other expression. */
function textOf(node: Expression | undefined): string | undefined {
  const kind = node?.exprKind;
  const constant = kind?.case === "constExpr" ? kind.value.constantKind : undefined;
  return constant?.case === "stringValue" ? constant.value : undefined;
}
