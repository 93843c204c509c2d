import type { Fault } from "../schema/fault.ts";
import { isServiceLink } from "./service-link.ts";

/** Variables with the same prefix that only the command line reads. */
const COMMAND_LINE = new Set(["SIGNET_CONFIG", "SIGNET_ADDRESS"]);

/** The part of a JSON Schema that overrides need. */
interface Schema {
  readonly type?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
}

/**
 * Overrides `grpc.address` by `SIGNET_GRPC_ADDRESS`, and likewise every key of the schema, in place. An unknown name is
 * a fault: a misspelt override that is ignored would be noticed too late.
 */
export function overrideFromEnvironment(
  data: Record<string, unknown>,
  schema: object,
  env: NodeJS.ProcessEnv,
): Fault[] {
  const targets = new Map(leaves(schema as Schema, []).map((leaf) => [variableName(leaf.path), leaf]));
  const faults: Fault[] = [];
  for (const [name, text] of Object.entries(env)) {
    if (!name.startsWith("SIGNET_") || COMMAND_LINE.has(name) || text === undefined) continue;
    const target = targets.get(name);
    if (target !== undefined) set(data, target.path, parse(text, target.type));
    else if (!isServiceLink(name, text))
      faults.push({
        file: name,
        path: "",
        message: `is not the name of a configuration key${siblingsOf(name, targets)}`,
      });
  }
  return faults;
}

/** The variables of the section that a misspelt name begins with, as the end of a message; empty for an unknown one. */
function siblingsOf(name: string, targets: ReadonlyMap<string, unknown>): string {
  const [prefix, section] = name.split("_");
  const siblings = [...targets.keys()].filter((known) => known.startsWith(`${prefix}_${section}_`));
  return siblings.length === 0 ? "" : ` (known: ${siblings.join(", ")})`;
}

/** The name of the environment variable that overrides a key. */
export function variableName(path: readonly (string | number)[]): string {
  return `SIGNET_${path.join("_").toUpperCase()}`;
}

function leaves(schema: Schema, path: string[]): { path: string[]; type: string | undefined }[] {
  if (schema.properties === undefined) return [{ path, type: schema.type }];
  return Object.entries(schema.properties).flatMap(([key, inner]) => leaves(inner, [...path, key]));
}

function parse(text: string, type: string | undefined): unknown {
  if (type === "integer" && /^\d{1,15}$/.test(text)) return Number(text);
  if (type === "boolean" && (text === "true" || text === "false")) return text === "true";
  if (type === "array") return text === "" ? [] : text.split(",");
  return text;
}

function set(data: Record<string, unknown>, path: readonly string[], value: unknown): void {
  const [key = "", ...rest] = path;
  if (rest.length === 0) data[key] = value;
  else {
    data[key] ??= {};
    const inner = data[key];
    // A section that is not an object is left to the schema, which reports it.
    if (typeof inner === "object") set(inner as Record<string, unknown>, rest, value);
  }
}

/**
 * Removes, in place, sections without a value: `grpc:` alone remains when all its keys are commented out. A key without
 * a value is left to the schema, which rejects it.
 */
export function dropEmptySections(data: Record<string, unknown>, schema: { readonly properties?: object }): void {
  for (const [key, inner] of Object.entries(schema.properties ?? {}))
    if (data[key] === null && "properties" in inner) delete data[key];
}
