import type { Faults } from "../../schema/fault.ts";
import { type Check, compileSchema } from "../../schema/schema.ts";
import { memberOfSchema } from "./schema-members.ts";

/** Compiles one of the JSON Schemas in the file. */
export function compileFileSchema(key: "request" | "accept" | "context", schema: object, faults: Faults): Check {
  checkRequired(key, schema, faults);
  try {
    return compileSchema(schema, { defaults: false });
  } catch (error) {
    faults.add([key], `is not a JSON Schema 2020-12: ${error instanceof Error ? error.message : "unreadable"}`);
    return () => [];
  }
}

/** A member must not be both required and forbidden: no value would match. */
function checkRequired(key: string, schema: object, faults: Faults): void {
  const { required } = schema as { readonly required?: unknown };
  if (!Array.isArray(required)) return;
  required.forEach((name: unknown, index) => {
    if (typeof name === "string" && memberOfSchema(schema, [name]) === "unknown")
      faults.add([key, "required", index], `${name} is not a member of the ${key} schema`);
  });
}
