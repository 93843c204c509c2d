import type { CelFunc, parse } from "@bufbuild/cel";
import {
  ANY,
  itemOf,
  type Known,
  known,
  memberOf,
  NUMBERS,
  TYPES_OF_JSON,
  type Types,
  typesOf,
} from "./schema-types.ts";

type Expression = ReturnType<typeof parse>["expr"];
type Comprehension = Extract<Expression["exprKind"], { case: "comprehensionExpr" }>["value"];

type Scope = ReadonlyMap<string, Known>;

const BOOL = known("bool");
const IN_JSON = [...Object.values(TYPES_OF_JSON).flat(), ...NUMBERS];

/**
 * Returns a fault for each part of an expression that fails for every value which the schemas let through: an operator
 * or function without a form for the types of its arguments, a member of something that is no object, a result of none
 * of the wanted types, and one that JSON can't hold. A type that the schemas leave open is no fault.
 *
 * @param variables by name, each with its JSON Schema.
 * @param wanted JSON Schema of the result; null is always allowed beside it where `nullable`.
 */
export function typeFaults(
  expression: Expression,
  variables: Readonly<Record<string, object>>,
  functions: Iterable<CelFunc>,
  wanted: { readonly schema: object; readonly nullable: boolean },
): string[] {
  const forms = Map.groupBy(functions, ({ name }) => name);
  const found = new Set<string>();
  const roots = Object.entries(variables).map(
    ([name, schema]) => [name, { types: known("map").types, schema }] as const,
  );
  const result = typeOf(expression, new Map(roots));
  const fault = resultFault(result, wanted);
  return fault === undefined ? [...found] : [...found, fault];

  function typeOf(node: Expression | undefined, scope: Scope): Known {
    const kind = node?.exprKind;
    switch (kind?.case) {
      case "constExpr":
        return constant(kind.value.constantKind.case);
      case "identExpr":
        return scope.get(kind.value.name) ?? ANY;
      case "selectExpr": {
        const operand = typeOf(kind.value.operand, scope);
        if (!mayBe(operand, ["map"])) found.add(`takes the member ${kind.value.field} of a ${textOf(operand.types)}`);
        return kind.value.testOnly ? BOOL : memberOf(operand, kind.value.field);
      }
      case "callExpr": {
        const { function: name, target, args } = kind.value;
        const given = args.map((arg) => typeOf(arg, scope));
        if (name === "_[_]") return indexed(given[0] ?? ANY, args[1]);
        return called(name, target && typeOf(target, scope), given);
      }
      case "listExpr":
        return holding(
          "list",
          kind.value.elements.map((element) => foreignIn(typeOf(element, scope))),
        );
      case "structExpr":
        return holding(
          "map",
          kind.value.entries.flatMap(({ keyKind, value }) => [
            keyKind.case === "mapKey" ? foreignName(typeOf(keyKind.value, scope)) : undefined,
            foreignIn(typeOf(value, scope)),
          ]),
        );
      case "comprehensionExpr":
        return comprehension(kind.value, scope);
      default:
        return ANY;
    }
  }

  function called(name: string, target: Known | undefined, args: readonly Known[]): Known {
    if (name === "_&&_" || name === "_||_") {
      for (const arg of args) requireBool(arg, name);
      return BOOL;
    }
    if (name === "_?_:_") {
      const [condition = ANY, left = ANY, right = ANY] = args;
      requireBool(condition, "?");
      return { types: left.types && right.types && new Set([...left.types, ...right.types]) };
    }
    const foreign = name === "json" && args[0] !== undefined ? foreignIn(args[0]) : undefined;
    if (foreign !== undefined) found.add(`applies json to ${foreign}, which JSON does not have`);
    const ofName = forms.get(name);
    if (ofName === undefined) return ANY;
    const fitting = ofName.filter((form) => fits(form, target, args));
    if (fitting.length === 0) found.add(noForm(name, target, args));
    return unionOf(fitting.map(({ result }) => (result.name === "dyn" ? undefined : new Set([typeName(result)]))));
  }

  function requireBool(value: Known, name: string): void {
    if (!mayBe(value, ["bool"])) found.add(`applies ${symbol(name)} to a ${textOf(value.types)} instead of a bool`);
  }

  /** The value of a loop has the type with which it begins; the macros of CEL never change it. */
  function comprehension(of: Comprehension, scope: Scope): Known {
    const range = typeOf(of.iterRange, scope);
    if (!mayBe(range, ["list", "map"])) found.add(`loops over a ${textOf(range.types)}`);
    const value = { types: typeOf(of.accuInit, scope).types };
    const item = of.iterVar2 === "" ? itemOf(range) : ANY;
    const inside = new Map([...scope, [of.iterVar, item], [of.iterVar2, ANY], [of.accuVar, value]]);
    for (const part of [of.loopCondition, of.loopStep]) typeOf(part, inside);
    return typeOf(of.result, inside);
  }
}

function constant(kind: string | undefined): Known {
  const names: Readonly<Record<string, string>> = {
    boolValue: "bool",
    bytesValue: "bytes",
    doubleValue: "double",
    int64Value: "int",
    uint64Value: "uint",
    stringValue: "string",
    nullValue: "null_type",
  };
  const name = names[kind ?? ""];
  return name === undefined ? ANY : known(name);
}

function holding(name: string, parts: readonly (string | undefined)[]): Known {
  return { ...known(name), foreign: parts.find((part) => part !== undefined) };
}

function foreignIn(value: Known): string | undefined {
  return mayBe(value, IN_JSON) ? value.foreign : `a ${textOf(value.types)}`;
}

function foreignName(name: Known): string | undefined {
  return mayBe(name, ["string"]) ? undefined : `a member named by a ${textOf(name.types)}`;
}

function mayBe({ types }: Known, names: readonly string[]): boolean {
  return types === undefined || names.some((name) => types.has(name));
}

function fits(form: CelFunc, target: Known | undefined, args: readonly Known[]): boolean {
  const given = target === undefined ? args : [target, ...args];
  const asked = form.target === undefined ? form.arguments : [form.target, ...form.arguments];
  if ((target === undefined) !== (form.target === undefined) || given.length !== asked.length) return false;
  return asked.every((type, at) => type.name === "dyn" || mayBe(given[at] ?? ANY, [typeName(type)]));
}

/** Lists and maps are compared without the types of what they hold. */
function typeName({ kind, name }: CelFunc["result"]): string {
  return kind === "list" || kind === "map" ? kind : name;
}

function unionOf(all: readonly Types[]): Known {
  let union: Types = new Set<string>();
  for (const types of all) union = union && types && new Set([...union, ...types]);
  return union?.size === 0 ? ANY : { types: union };
}

function noForm(name: string, target: Known | undefined, args: readonly Known[]): string {
  const types = (target === undefined ? args : [target, ...args]).map((arg) => textOf(arg.types));
  const mixed =
    args.length === 2 && types.includes("double") && types.some((type) => type === "int" || type === "uint");
  const hint = mixed ? ": a number of JSON is a double, so write 1.0 instead of 1" : "";
  return `applies ${symbol(name)} to (${types.join(", ")}), for which CEL has no form${hint}`;
}

/** `_+_` is the name of `+`. */
function symbol(name: string): string {
  return /^\w*[a-z]/i.test(name) ? name : name.replaceAll("_", "");
}

function textOf(types: Types): string {
  return types === undefined ? "dyn" : [...types].join(" or ");
}

function resultFault(
  { types, foreign }: Known,
  { schema, nullable }: { readonly schema: object; readonly nullable: boolean },
): string | undefined {
  if (types === undefined) return undefined;
  const wanted = typesOf(schema) ?? new Set(Object.values(TYPES_OF_JSON).flat());
  // A number that an expression computes may be of any kind: it becomes JSON.
  const allowed = new Set([...wanted, ...(wanted.has("double") ? NUMBERS : []), ...(nullable ? ["null_type"] : [])]);
  if ([...types].some((type) => allowed.has(type)))
    return foreign === undefined ? undefined : `gives a ${textOf(types)} with ${foreign}, which JSON does not have`;
  return `gives a ${textOf(types)}, where a ${textOf(wanted)} is required`;
}

function indexed(operand: Known, index: Expression | undefined): Known {
  const kind = index?.exprKind;
  const constant = kind?.case === "constExpr" ? kind.value.constantKind : undefined;
  if (operand.types?.has("list")) return itemOf(operand);
  return memberOf(operand, constant?.case === "stringValue" ? constant.value : undefined);
}
