import type { Fault } from "../schema/fault.ts";
import { isObject } from "../schema/object-schema.ts";
import { isServiceLink } from "./service-link.ts";

/** Variables with the same prefix that only the command line reads. */
const COMMAND_LINE = new Set([
  "SIGNET_CONFIG",
  "SIGNET_ADDRESS",
  "SIGNET_CA",
  "SIGNET_CERT",
  "SIGNET_KEY",
  "SIGNET_TOKEN_FILE",
  "SIGNET_SERVER_NAME",
]);

/** The variable by which workloads find the SPIFFE Workload API (SPIFFE Workload Endpoint, 4), as `unix:///path`. */
const SPIFFE_SOCKET = "SPIFFE_ENDPOINT_SOCKET";

/** The part of a JSON Schema that overrides need. */
interface Schema {
  readonly type?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  /** Of a map: the schema of what stands under each of its names. */
  readonly additionalProperties?: Schema | boolean;
}

/** A key that a variable sets. */
interface Target {
  readonly path: readonly string[];
  readonly type: string | undefined;
}

/** Stands for a name in a map. No key of the schema has a capital. */
const ANY_NAME = "NAME";

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
  const mapped = [...targets.values()].filter(({ path }) => path.includes(ANY_NAME));
  const faults: Fault[] = [];
  for (const [name, text] of Object.entries(env)) {
    if (!name.startsWith("SIGNET_") || COMMAND_LINE.has(name) || text === undefined) continue;
    const target = targets.get(name) ?? keyInMap(name, mapped);
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

/**
 * Takes the socket of the SPIFFE Workload API from the variable that the standard gives it, in place, where nothing
 * else names one. A TCP address is left out: what listens there can't tell who asks.
 */
export function takeSpiffeSocket(data: Record<string, unknown>, env: NodeJS.ProcessEnv): void {
  const socket = env[SPIFFE_SOCKET] ?? "";
  const section = data.spiffe ?? {};
  if (socket.startsWith("unix:/") && isObject(section)) data.spiffe = { socket, ...section };
}

/** The variables of the section that a misspelt name begins with, as the end of a message; empty for an unknown one. */
function siblingsOf(name: string, targets: ReadonlyMap<string, unknown>): string {
  const [prefix, section] = name.split("_");
  const siblings = [...targets.keys()].filter((known) => known.startsWith(`${prefix}_${section}_`));
  return siblings.length === 0 ? "" : ` (known: ${siblings.join(", ")})`;
}

/** The name of the environment variable that overrides a key. */
export function variableName(path: readonly (string | number)[]): string {
  return `SIGNET_${path.join("_").replaceAll("-", "_").toUpperCase()}`;
}

/**
 * The key inside a map whose name a variable contains: in lower case, with `-` for `_`. The longest key counts, so that
 * `…_X_CA_FILE` is the `ca_file` of `x`, and not the `file` of `x-ca`.
 */
function keyInMap(name: string, mapped: readonly Target[]): Target | undefined {
  const found = mapped.flatMap(({ path, type }) => {
    const [before = "", after = ""] = variableName(path).split(`_${ANY_NAME}_`);
    if (!name.startsWith(`${before}_`) || !name.endsWith(`_${after}`)) return [];
    const inside = name.slice(before.length + 1, -after.length - 1);
    if (inside === "") return [];
    const given = inside.toLowerCase().replaceAll("_", "-");
    return [{ path: path.map((step) => (step === ANY_NAME ? given : step)), type }];
  });
  return found.toSorted((one, other) => String(other.path.at(-1)).length - String(one.path.at(-1)).length)[0];
}

function leaves({ type, properties, additionalProperties: named }: Schema, path: readonly string[]): Target[] {
  if (typeof named === "object") return leaves(named, [...path, ANY_NAME]);
  if (properties === undefined) return [{ path, type }];
  return Object.entries(properties).flatMap(([key, inner]) => leaves(inner, [...path, key]));
}

function parse(text: string, type: string | undefined): unknown {
  if (type === "integer" && /^\d{1,15}$/.test(text)) return Number(text);
  if (type === "number" && /^\d{1,15}(\.\d{1,15})?$/.test(text)) return Number(text);
  if (type === "boolean" && (text === "true" || text === "false")) return text === "true";
  if (type === "array") return text === "" ? [] : text.split(",");
  return text;
}

function set(data: Record<string, unknown>, path: readonly string[], value: unknown): void {
  const [key = "", ...rest] = path;
  if (rest.length === 0) data[key] = value;
  else {
    // An alias may be the name of what every object inherits, such as `constructor`.
    const inner = (Object.hasOwn(data, key) ? data[key] : undefined) ?? {};
    data[key] = inner;
    // A section that is not an object is left to the schema, which reports it.
    if (typeof inner === "object") set(inner as Record<string, unknown>, rest, value);
  }
}

/**
 * Removes, in place, sections without a value: `grpc:` alone remains when all its keys are commented out. A key without
 * a value is left to the schema, which rejects it.
 */
export function dropEmptySections(data: Record<string, unknown>, schema: { readonly properties?: object }): void {
  for (const [key, inner] of Object.entries(schema.properties ?? {})) {
    const isSection = "properties" in inner || typeof inner.additionalProperties === "object";
    if (data[key] === null && isSection) delete data[key];
    else if (isObject(data[key]) && "properties" in inner) dropEmptySections(data[key], inner);
  }
}
