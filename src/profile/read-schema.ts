import { type Check, compileSchema } from "../config/schema.ts";
import type { FileFaults } from "./faults-of-file.ts";

/** Compiles one of the file's JSON Schemas. */
export function readSchema(key: "request" | "accept" | "context", schema: object, faults: FileFaults): Check {
  try {
    return compileSchema(schema, { defaults: false });
  } catch (error) {
    faults.add([key], `is not a JSON Schema 2020-12: ${error instanceof Error ? error.message : "unreadable"}`);
    return () => [];
  }
}
