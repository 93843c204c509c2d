import type { ErrorObject } from "ajv/dist/2020.js";
import { resolveAlternatives } from "./alternatives.ts";

/** More names help nobody, and a fault shall stay one line. */
const MAX_KNOWN = 32;

/** A value that does not fit its schema. The message names the rule and never repeats the value. */
export interface Violation {
  /** The keyword of the schema that the value breaks, e.g. `required`. */
  readonly keyword: string;
  readonly path: readonly (string | number)[];
  readonly message: string;
}

/** What a person can act on: one violation for each thing to change. */
export function violationsOf(errors: readonly ErrorObject[]): Violation[] {
  const told = new Map<string, Violation>();
  for (const error of resolveAlternatives(errors.filter(saysSomething), wording)) {
    const one = violation(error);
    told.set(JSON.stringify([one.path, one.message]), one);
  }
  return [...told.values()];
}

/** `propertyNames` tells a bad name twice, by the rule inside it and by itself; `if` only that its branch failed. */
function saysSomething({ propertyName, keyword }: ErrorObject): boolean {
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

/** What a slip of the pen may have meant. Names that a pattern allows can't be listed. */
function knownKeys(schema: ErrorObject["parentSchema"]): string {
  if (schema?.patternProperties !== undefined) return "";
  const names = Object.keys(Object(schema?.properties));
  const more = names.length > MAX_KNOWN ? ", …" : "";
  return ` (known: ${names.slice(0, MAX_KNOWN).join(", ") || "none"}${more})`;
}

/** One rule in words. */
function wording({ keyword, params, message, schema, parentSchema, data }: ErrorObject): string {
  switch (keyword) {
    case "additionalProperties":
      return `is not a known key${knownKeys(parentSchema)}`;
    case "unevaluatedProperties":
      return "is not a known key";
    case "required":
      return "is required";
    case "dependentRequired":
      return `is required beside ${String(params.property)}`;
    case "propertyNames":
      return "is not an allowed name";
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
      return `must NOT have more than ${String(schema)} bytes ${typeof data === "string" ? "of UTF-8" : "as compact JSON"}`;
    case "pattern":
      return `must match pattern "${String(schema)}"`;
    case "not":
      return "is among what the schema excludes";
    case "false schema":
      return "is not allowed here";
    default:
      return message ?? `breaks the rule ${keyword}`;
  }
}
