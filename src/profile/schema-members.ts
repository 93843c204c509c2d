/** What a JSON Schema says about a member of the objects that it describes. */
export type MemberOfSchema = "required" | "optional" | "unknown";

/**
 * Whether a schema knows the member at a path. `unknown` only where it forbids it: `additionalProperties: false` and no
 * such property. `required` only where every part of the path is. What is no JSON Schema at all, which compiling it tells,
 * knows nothing and demands nothing.
 */
export function memberOfSchema(schema: object, path: readonly string[]): MemberOfSchema {
  let at: unknown = schema;
  let found: MemberOfSchema = "required";
  for (const name of path) {
    if (!isObject(at)) return "optional";
    const { properties, required } = at;
    if (!isObject(properties) || !Object.hasOwn(properties, name)) return isClosed(at) ? "unknown" : "optional";
    if (!Array.isArray(required) || !required.includes(name)) found = "optional";
    at = properties[name];
  }
  return found;
}

/** The only members that the objects at a path may have, by name; undefined where others are allowed. */
export function onlyMembers(schema: object, path: readonly string[]): readonly string[] | undefined {
  let at: unknown = schema;
  for (const name of path) {
    const properties = isObject(at) && isObject(at.properties) ? at.properties : {};
    at = Object.hasOwn(properties, name) ? properties[name] : undefined;
  }
  return isObject(at) && isClosed(at) ? Object.keys(Object(at.properties)).sort() : undefined;
}

function isClosed({ additionalProperties, patternProperties }: Readonly<Record<string, unknown>>): boolean {
  return additionalProperties === false && patternProperties === undefined;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}
