/**
 * Removes, in place, the sections that have no value: `grpc:` is what remains when all its keys are comments. A key without
 * a value is left to the schema, which refuses it.
 */
export function dropEmptySections(data: Record<string, unknown>, schema: { readonly properties?: object }): void {
  for (const [key, inner] of Object.entries(schema.properties ?? {}))
    if (data[key] === null && "properties" in inner) delete data[key];
}
