import type { ErrorObject } from "ajv/dist/2020.js";
import { resolveAlternatives } from "./alternatives.ts";

/** Keeps a fault on one line. */
const MAX_KNOWN = 32;

/**
 * Errors of one value that are put into words: most calls need the first one. ajv makes one for each item that is
 * wrong, and bringing those of alternatives together takes the square of their number.
 */
const MOST_ERRORS = 500;

/** One way in which a value does not match its schema. The message states the rule and never repeats the value. */
export interface Violation {
  /** The keyword that rejects the value, e.g. `required`. */
  readonly keyword: string;
  readonly path: readonly (string | number)[];
  readonly message: string;
}

/** Condenses the errors of ajv to one violation for each thing that has to change. */
export function violationsOf(errors: readonly ErrorObject[]): Violation[] {
  const violations = new Map<string, Violation>();
  // Cut only after the filter: with nothing left, a wrong value would count as right.
  const considered = errors.filter(isInformative).slice(0, MOST_ERRORS);
  for (const error of resolveAlternatives(considered, wording)) {
    const one = violation(error);
    violations.set(JSON.stringify([one.path, one.message]), one);
  }
  return [...violations.values()];
}

/**
 * `propertyNames` reports a bad name twice: by the rule inside and by itself. `if` only repeats that its branch failed.
 */
function isInformative({ propertyName, keyword }: ErrorObject): boolean {
  return propertyName === undefined && keyword !== "if";
}

function violation(error: ErrorObject): Violation {
  const { keyword, instancePath, params } = error;
  const path = instancePath
    .split("/")
    .slice(1)
    .map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"));
  const name: unknown =
    params.additionalProperty ?? params.unevaluatedProperty ?? params.missingProperty ?? params.propertyName;
  return { keyword, path: name === undefined ? path : [...path, String(name)], message: wording(error) };
}

/** How `maxBytes` counts. */
function measure(data: unknown): string {
  return typeof data === "string" ? "of UTF-8" : "as compact JSON";
}

/** The names that a typing error may have meant; none when a pattern allows names that can't be listed. */
function knownKeys(schema: ErrorObject["parentSchema"]): string {
  if (schema?.patternProperties !== undefined) return "";
  const names = Object.keys(Object(schema?.properties));
  const more = names.length > MAX_KNOWN ? ", …" : "";
  return ` (known: ${names.slice(0, MAX_KNOWN).join(", ") || "none"}${more})`;
}

function allowedNames(schema: unknown): string {
  const { allowed } = Object(schema) as { readonly allowed?: unknown };
  return typeof allowed === "string" ? ` (allowed: ${allowed})` : "";
}

/** The human-readable rule. */
function wording({ keyword, params, message, schema, parentSchema, data }: ErrorObject): string {
  switch (keyword) {
    case "additionalProperties":
      return `is not a known key${knownKeys(parentSchema)}`;
    case "unevaluatedProperties":
      return "is not a known key";
    case "required":
      return "is required";
    case "dependentRequired":
      return `is required together with ${String(params.property)}`;
    case "propertyNames":
      return `is not an allowed name${allowedNames(schema)}`;
  }
  const allowed: unknown = parentSchema?.allowed;
  if (typeof allowed === "string") return `must be ${allowed}`;
  switch (keyword) {
    case "enum":
      return `must be one of ${JSON.stringify(params.allowedValues)}`;
    case "const":
      return `must be ${JSON.stringify(params.allowedValue)}`;
    case "type":
      return `must be ${[params.type].flat().join(" or ")}`;
    case "maxBytes":
      return `must NOT have more than ${String(schema)} bytes ${measure(data)}`;
    case "pattern":
      return `must match pattern "${String(schema)}"`;
    case "not":
      return "is excluded by the schema";
    case "false schema":
      return "is not allowed here";
    default:
      return message ?? `breaks the rule ${keyword}`;
  }
}
