import type { TRequiredArray } from "typebox";

/** The names of the properties that have a default. */
type Defaulted<P> = { [Name in keyof P]: P[Name] extends { readonly default: unknown } ? Name : never }[keyof P];

/**
 * The JSON Schema of an object with these properties and no others. A property with a default counts as required:
 * defaults are filled in first, so the type that `Static` of TypeBox infers from the schema has the property without
 * `?`.
 */
export function objectSchema<
  const P extends Readonly<Record<string, object>>,
  const R extends keyof P & string = never,
>(properties: P, required: readonly R[] = []) {
  const defaulted = Object.entries(properties).flatMap(([name, schema]) => ("default" in schema ? name : []));
  return {
    type: "object",
    additionalProperties: false,
    // `Static` reads the names from a tuple, which TypeScript can't follow through `Object.entries`.
    required: [...required, ...defaulted] as unknown as TRequiredArray<Pick<P, R | Defaulted<P>>>,
    properties,
  } as const;
}

/** Alternatives. Unlike `oneOf`, this reports only the faults of the alternative that was meant. */
export function choose<const If extends object, const Then extends object, const Else extends object>(
  condition: If,
  then: Then,
  otherwise: Else,
) {
  return { if: condition, then, else: otherwise } as const;
}

/** Whether a value of JSON or YAML is an object: a schema, or what one describes. */
export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
