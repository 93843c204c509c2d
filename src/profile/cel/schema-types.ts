import { isObject } from "../../schema/object-schema.ts";

/** Names of CEL types that a value may have. Undefined: any. */
export type Types = ReadonlySet<string> | undefined;

/** What is known about a value before any request: its types, and the JSON Schema that it has passed. */
export interface Known {
  readonly types: Types;
  readonly schema?: unknown;
  /** What a list or map holds, in its literal, that has no form in JSON. */
  readonly foreign?: string | undefined;
}

export const ANY: Known = { types: undefined };

/** The CEL types of numbers. */
export const NUMBERS = ["int", "uint", "double"] as const;

/** The CEL types that JSON has, by the name that a JSON Schema gives them. A number of JSON is a double. */
export const TYPES_OF_JSON: Readonly<Record<string, readonly string[]>> = {
  string: ["string"],
  number: ["double"],
  integer: ["double"],
  boolean: ["bool"],
  null: ["null_type"],
  array: ["list"],
  object: ["map"],
};

/** A value of one type. */
export function known(name: string): Known {
  return { types: new Set([name]) };
}

/** The types that a JSON Schema allows, by its `type`, `const` or `enum`. */
export function typesOf(schema: unknown): Types {
  if (!isObject(schema)) return undefined;
  if (schema.type !== undefined) {
    const names = [schema.type].flat().map((name) => TYPES_OF_JSON[String(name)]);
    return names.includes(undefined) ? undefined : new Set(names.flatMap((types) => types ?? []));
  }
  const values = "const" in schema ? [schema.const] : schema.enum;
  return Array.isArray(values) ? new Set(values.flatMap((value) => TYPES_OF_JSON[jsonType(value)] ?? [])) : undefined;
}

function jsonType(value: unknown): string {
  return value === null ? "null" : Array.isArray(value) ? "array" : typeof value;
}

function ofSchema(schema: unknown): Known {
  return { types: typesOf(schema), schema };
}

/** The member of an object; without a name, one whose name is only known at run time. */
export function memberOf({ schema }: Known, name: string | undefined): Known {
  if (!isObject(schema) || name === undefined || schema.patternProperties !== undefined) return ANY;
  const { properties, additionalProperties } = schema;
  return ofSchema(isObject(properties) && Object.hasOwn(properties, name) ? properties[name] : additionalProperties);
}

/** What a loop over a list or map visits first: an item, or a name. */
export function itemOf({ types, schema }: Known): Known {
  if (types?.size !== 1) return ANY;
  if (types.has("map")) return known("string");
  return isObject(schema) && schema.prefixItems === undefined ? ofSchema(schema.items) : ANY;
}
