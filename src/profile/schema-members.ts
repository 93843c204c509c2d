/** What a JSON Schema says about a member of the objects that it describes. */
export type MemberOfSchema = "required" | "optional" | "unknown";

interface ObjectSchema {
  readonly properties?: Readonly<Record<string, unknown>>;
  readonly additionalProperties?: unknown;
  readonly required?: readonly string[];
}

/**
 * Whether a schema knows the member at a path. `unknown` only where it forbids it: `additionalProperties: false` and no
 * such property. `required` only where every part of the path is.
 */
export function memberOfSchema(schema: object, path: readonly string[]): MemberOfSchema {
  let at: unknown = schema;
  let found: MemberOfSchema = "required";
  for (const name of path) {
    if (typeof at !== "object" || at === null) return "optional";
    const { properties = {}, additionalProperties, required = [] } = at as ObjectSchema;
    if (!Object.hasOwn(properties, name)) return additionalProperties === false ? "unknown" : "optional";
    if (!required.includes(name)) found = "optional";
    at = properties[name];
  }
  return found;
}
