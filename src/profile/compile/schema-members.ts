import { isObject } from "../../schema/object-schema.ts";
import { type Check, compileSchema } from "../../schema/schema.ts";
import type { ProfileFile } from "../file/schema.ts";
import { REGISTERED_NAMES } from "../model/names.ts";
import { reservedNames } from "./reserved-names.ts";

/** What a JSON Schema says about a member of its objects. */
export type MemberOfSchema = "required" | "optional" | "unknown";

/**
 * Looks up the member at a path. `unknown`: the schema forbids it, by `additionalProperties: false` without such a
 * property or by `propertyNames`. `required`: every part of the path is required. A value that is not a JSON Schema,
 * which compiling it reports, neither forbids nor requires anything.
 */
export function memberOfSchema(schema: object, path: readonly string[]): MemberOfSchema {
  let at: unknown = schema;
  let found: MemberOfSchema = "required";
  for (const name of path) {
    if (!isObject(at)) return "optional";
    if (!mayBeNamed(at, name)) return "unknown";
    const { properties, required } = at;
    if (!isObject(properties) || !Object.hasOwn(properties, name)) return isClosed(at) ? "unknown" : "optional";
    if (!Array.isArray(required) || !required.includes(name)) found = "optional";
    at = properties[name];
  }
  return found;
}

/** The names of all members that an object at the path may have; undefined when other names are allowed. */
export function onlyMembers(schema: object, path: readonly string[]): readonly string[] | undefined {
  const at = schemaOfMember(schema, path);
  return at !== undefined && isClosed(at) ? Object.keys(Object(at.properties)).sort() : undefined;
}

/** The schema that `properties` give a member at the path; undefined: none. */
export function schemaOfMember(schema: object, path: readonly string[]): Readonly<Record<string, unknown>> | undefined {
  let at: unknown = schema;
  for (const name of path) {
    const properties = isObject(at) && isObject(at.properties) ? at.properties : {};
    at = Object.hasOwn(properties, name) ? properties[name] : undefined;
  }
  return isObject(at) ? at : undefined;
}

/** Compiling takes milliseconds, and a schema is asked about many names. */
const NAME_CHECKS = new WeakMap<object, Check>();

/** Whether `propertyNames` allow the name. */
function mayBeNamed(schema: object, name: string): boolean {
  const { propertyNames } = schema as { readonly propertyNames?: unknown };
  if (!isObject(propertyNames)) return propertyNames !== false;
  const check = NAME_CHECKS.get(propertyNames) ?? nameCheck(propertyNames);
  NAME_CHECKS.set(propertyNames, check);
  return check(name).length === 0;
}

function nameCheck(propertyNames: object): Check {
  try {
    return compileSchema(propertyNames, { defaults: false });
  } catch {
    // No JSON Schema, or one that refers to the rest of the document.
    return () => [];
  }
}

function isClosed({ additionalProperties, patternProperties }: Readonly<Record<string, unknown>>): boolean {
  return additionalProperties === false && patternProperties === undefined;
}

const IN_PLACE = ["allOf", "anyOf", "oneOf", "if", "then", "else", "not", "dependentSchemas"];
const ELSEWHERE = ["$ref", "$dynamicRef", "patternProperties"];

/** What every token's registered claims are, before a profile looks at them. */
const REGISTERED_TYPES = {
  iss: { type: "string" },
  sub: { type: "string" },
  jti: { type: "string" },
  exp: { type: "integer" },
  nbf: { type: "integer" },
  iat: { type: "integer" },
};

/**
 * A JSON Schema of the claims that an expression may name: those that the profile signs or accepts. Any other name is a
 * typing error, and `!has(…)` with it would be true for every token.
 */
export function claimsShape({ claims, accept, request }: Pick<ProfileFile, "claims" | "accept" | "request">): {
  readonly properties: Readonly<Record<string, object>>;
  readonly additionalProperties?: false;
} {
  const accepted = { ...REGISTERED_TYPES, ...("properties" in accept ? (accept.properties as object) : {}) };
  const names = namesIn(accept);
  const rest = claims.some((claim) => "rest" in claim) ? namesOfRest(request) : new Set<string>();
  if (names === undefined || rest === undefined) return { properties: accepted };
  const signed = claims.flatMap((claim) => ("name" in claim ? claim.name : []));
  const known = [...names, ...rest, ...signed, ...REGISTERED_NAMES].map((name) => [name, {}]);
  return { properties: { ...Object.fromEntries(known), ...accepted }, additionalProperties: false };
}

/** Whether the profile may sign the claim. */
export function maySign(file: Pick<ProfileFile, "claims" | "request" | "aliases">, name: string): boolean {
  return file.claims.some((claim) => ("name" in claim ? claim.name === name : restMayHave(file, name)));
}

/** Whether a request may have the member that `rest` would sign under the name. */
function restMayHave(file: Pick<ProfileFile, "claims" | "request" | "aliases">, name: string): boolean {
  const { request } = file;
  return !reservedNames(file).has(name) && mayBeNamed(request, name) && namesOfRest(request)?.has(name) !== false;
}

/** The names of the claims that `rest` may sign; undefined: any name. */
function namesOfRest(request: object): Set<string> | undefined {
  return "additionalProperties" in request && request.additionalProperties === false ? namesIn(request) : undefined;
}

/** The names of the members that a schema mentions; undefined when they can't be determined. */
function namesIn(schema: unknown): Set<string> | undefined {
  if (typeof schema !== "object" || schema === null) return new Set();
  if (ELSEWHERE.some((keyword) => keyword in schema)) return undefined;
  const { properties, required } = schema as { properties?: unknown; required?: unknown };
  const names = new Set([...Object.keys(Object(properties)), ...(Array.isArray(required) ? required.map(String) : [])]);
  for (const [keyword, inside] of Object.entries(schema)) {
    if (!IN_PLACE.includes(keyword) || typeof inside !== "object" || inside === null) continue;
    const parts = Array.isArray(inside) || keyword === "dependentSchemas" ? Object.values(inside) : [inside];
    for (const part of parts) {
      const more = namesIn(part);
      if (more === undefined) return undefined;
      for (const name of more) names.add(name);
    }
  }
  return names;
}
