import { Ajv2020, type ErrorObject, type ValidateFunction } from "ajv/dist/2020.js";
import { durationMs } from "./duration.ts";

/** A value that does not fit its schema. The message names the rule and never repeats the value. */
interface Violation {
  /** The keyword of the schema that the value breaks, e.g. `required`. */
  readonly keyword: string;
  readonly path: readonly (string | number)[];
  readonly message: string;
}

/** Checks a value and fills in the defaults of its schema, in place. Returns every violation, at most 100. */
export type Check = (value: unknown) => Violation[];

/**
 * Compiles a JSON Schema 2020-12, once: compiling takes milliseconds, checking microseconds. Three keywords are added:
 * `maxBytes` limits a string by its UTF-8 bytes, `duration: true` takes texts like `90s`, and `durationFrom: [min, max]`
 * those within the bounds.
 *
 * @throws Error when the schema itself is wrong; the message names the place.
 */
export function compileSchema(schema: object, options: { readonly defaults: boolean }): Check {
  const ajv = new Ajv2020({
    allErrors: true,
    strict: true,
    strictTypes: false,
    strictRequired: false,
    useDefaults: options.defaults,
    ownProperties: true,
    verbose: true,
  });
  ajv.addKeyword({
    keyword: "maxBytes",
    type: "string",
    schemaType: "number",
    validate: (limit: number, text: string) => Buffer.byteLength(text) <= limit,
    error: { message: ({ schemaCode }) => `must NOT have more than ${String(schemaCode)} bytes of UTF-8` },
  });
  ajv.addKeyword({
    keyword: "duration",
    schemaType: "boolean",
    validate: (_on: boolean, text: unknown) => typeof text === "string" && durationMs(text) !== undefined,
    error: { message: "must be a duration such as 500ms, 90s, 15m, 24h or 30d" },
  });
  ajv.addKeyword({
    keyword: "durationFrom",
    schemaType: "array",
    validate: ([min, max]: [string, string], text: unknown) => {
      const ms = durationMs(String(text));
      return ms === undefined || (ms >= (durationMs(min) ?? 0) && ms <= (durationMs(max) ?? 0));
    },
    error: { message: ({ schema }) => `must be from ${schema[0]} to ${schema[1]}` },
  });
  // What a person reads in the place of a regular expression.
  ajv.addKeyword({ keyword: "allowed", schemaType: "string" });
  const validate: ValidateFunction = ajv.compile(schema);
  return (value) => (validate(value) ? [] : (validate.errors ?? []).filter(isOutermost).slice(0, 100).map(violation));
}

/** `propertyNames` tells a bad name twice: by the rule inside it, and by itself. */
function isOutermost({ propertyName }: ErrorObject): boolean {
  return propertyName === undefined;
}

function violation({ keyword, instancePath, params, message, parentSchema }: ErrorObject): Violation {
  const path = instancePath
    .split("/")
    .slice(1)
    .map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"));
  const allowed: unknown = parentSchema?.allowed;
  if (typeof allowed === "string") return { keyword, path, message: `must be ${allowed}` };
  switch (keyword) {
    case "additionalProperties":
      return { keyword, path: [...path, String(params.additionalProperty)], message: "is not a known key" };
    case "required":
      return { keyword, path: [...path, String(params.missingProperty)], message: "is required" };
    case "propertyNames":
      return { keyword, path: [...path, String(params.propertyName)], message: "is not an allowed name" };
    case "enum":
      return { keyword, path, message: `must be one of ${JSON.stringify(params.allowedValues)}` };
    case "const":
      return { keyword, path, message: `must be ${JSON.stringify(params.allowedValue)}` };
    default:
      return { keyword, path, message: message ?? `breaks the rule ${keyword}` };
  }
}
