import { isObject } from "../../schema/object-schema.ts";
import { sortedJson } from "../canonical-json.ts";

type WriteJson = (value: unknown) => string;
type Schema = Readonly<Record<string, unknown>>;

/** Keywords whose schemas describe the same value. */
const IN_PLACE = ["allOf", "anyOf", "oneOf", "then", "else", "dependentSchemas"];
/** Keywords behind which the order can't be seen. */
const HIDDEN = ["$ref", "$dynamicRef", "patternProperties", "prefixItems"];

/**
 * Writes compact JSON with the members of every object in the order of the schema's `properties`, and after them those
 * that it does not name, sorted. Some libraries sign nested objects in the order of their own types.
 */
export function schemaOrderedJson(schema: unknown): WriteJson {
  const parts = partsOf(schema);
  const members = new Map(propertyNames(parts).map((name) => [name, schemaOrderedJson(allOf(parts, name))]));
  const ofOthers = writerOf(parts, "additionalProperties");
  const ofItems = writerOf(parts, "items");

  return (value) => {
    if (Array.isArray(value)) return `[${value.map(ofItems).join(",")}]`;
    if (!isObject(value)) return sortedJson(value);
    const named = [...members.keys()].filter((name) => Object.hasOwn(value, name));
    const others = Object.keys(value).filter((name) => !members.has(name));
    const texts = [...named, ...others.sort()].map(
      (name) => `${JSON.stringify(name)}:${(members.get(name) ?? ofOthers)(value[name])}`,
    );
    return `{${texts.join(",")}}`;
  };
}

/** The names of the members that a schema names, in its order. */
export function orderOfMembers(schema: unknown): readonly string[] {
  return propertyNames(partsOf(schema));
}

/** The schema of the member of an object at a path; undefined: it says nothing about it. */
export function schemaAt(schema: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>((at, name) => allOf(partsOf(at), name), schema);
}

/** Why a schema does not show an order. */
export function orderFault(schema: unknown): string | undefined {
  const fault = faultInside(schema);
  if (fault !== undefined) return fault;
  return namesMembers(schema) ? undefined : "needs a schema that names members";
}

/** It refers elsewhere, or a number is the name of a member, and would move. */
function faultInside(schema: unknown): string | undefined {
  if (!isObject(schema) && !Array.isArray(schema)) return undefined;
  if (isObject(schema)) {
    const hidden = HIDDEN.find((keyword) => keyword in schema);
    if (hidden !== undefined) return `can't be seen behind ${hidden} in the schema`;
    if (Object.keys(Object(schema.properties)).some((name) => /^\d+$/.test(name)))
      return "can't be kept for a member whose name is a number";
  }
  return Object.values(schema)
    .map(faultInside)
    .find((fault) => fault !== undefined);
}

function namesMembers(schema: unknown): boolean {
  if (!isObject(schema) && !Array.isArray(schema)) return false;
  return (isObject(schema) && "properties" in schema) || Object.values(schema).some(namesMembers);
}

function partsOf(schema: unknown): Schema[] {
  if (!isObject(schema)) return [];
  const inside = IN_PLACE.flatMap((keyword) => {
    const of = schema[keyword];
    return keyword === "then" || keyword === "else" ? [of] : Object.values(Object(of));
  });
  return [schema, ...inside.flatMap(partsOf)];
}

function propertyNames(parts: readonly Schema[]): string[] {
  return [...new Set(parts.flatMap(({ properties }) => Object.keys(Object(properties))))];
}

/** Everything that the parts say about one member. */
function allOf(parts: readonly Schema[], name: string): unknown {
  return {
    allOf: parts.flatMap(({ properties }) =>
      isObject(properties) && Object.hasOwn(properties, name) ? [properties[name]] : [],
    ),
  };
}

function writerOf(parts: readonly Schema[], keyword: string): WriteJson {
  const schemas = parts.map((part) => part[keyword]).filter(isObject);
  return schemas.length === 0 ? sortedJson : schemaOrderedJson({ allOf: schemas });
}
