import { dirname } from "node:path/posix";
import type { Import } from "./imports.ts";

/**
 * The one order of folders: an import, also of a type, goes down it or stays in its folder. Neighbours on a line are
 * strangers.
 */
const ORDER: readonly (readonly string[])[] = [
  ["main"],
  ["app"],
  ["cli", "grpc", "http"],
  ["audit-thread", "state-thread", "verify-thread"],
  ["nats", "jose", "issuers", "spiffe", "otel"],
  ["tls"],
  ["key-admin", "backup", "replica", "callers", "session"],
  ["one-time"],
  ["token"],
  ["revoke"],
  ["config"],
  ["access"],
  ["profile"],
  ["keys"],
  ["problem"],
  ["audit"],
  ["live"],
  ["state"],
  ["files", "protobuf", "schema", "x509"],
  ["async"],
  ["clock", "node-version", "package-files", "trace"],
  ["start-error"],
  ["coded-error", "caller", "counted"],
];
/** The domain begins below the adapters. */
const DOMAIN = "key-admin";

/** More files than this in one folder hide each other. */
const MAX_FILES = 16;

/** What the adapters may see of the domain: ports, and what stands in their signatures. */
const OPEN_TO_ADAPTERS = [
  "src/state/keyvalue.ts",
  "src/audit/forward/sink.ts",
  "src/audit/event-id.ts",
  "src/keys/vault.ts",
  "src/keys/error.ts",
  "src/keys/model.ts",
  "src/keys/rotating/record.ts",
  "src/keys/store/authenticated-record.ts",
  "src/callers/issuer-keys.ts",
];
const ADAPTERS = ["nats", "jose", "issuers", "spiffe", "otel"];

const GENERATED_USERS = ["src/grpc/", "src/cli/", "src/spiffe/"];

/** A library that only its own folder knows. */
const HOMES: Readonly<Record<string, readonly string[]>> = {
  "@grpc/": ["grpc", "cli", "spiffe"],
  "@opentelemetry/": ["otel"],
  "@peculiar/": ["cli"],
  "grpc-health-check": ["grpc"],
  commander: ["cli"],
  jose: ["jose"],
  nats: ["nats"],
};

/** The only files of the domain and below it that may touch the disk; none may touch the network. */
const DOORS = [
  "src/audit/spool/",
  "src/audit/writer/checkpoint-file.ts",
  "src/config/read-file.ts",
  "src/files/",
  "src/profile/load.ts",
  "src/protobuf/contract.ts",
  "src/replica/snapshot-files.ts",
  "src/state/file.ts",
  "src/state/sqlite-table.ts",
];
/** Reads addresses with `isIPv4`, and opens nothing. */
const ADDRESS_READER = "src/config/check-listeners.ts";
const DISK = ["node:fs", "node:fs/promises", "node:sqlite"];
const HARMLESS = [
  "node:buffer",
  "node:crypto",
  "node:events",
  "node:path",
  "node:timers/promises",
  "node:url",
  "node:util",
  "node:zlib",
];

/** Clock and chance. `src/async` may ask how much time has passed: to wait is its purpose. */
const AMBIENT =
  /\b(?:Date\.now\(|new Date\(\)|performance\.now\(|Math\.random\(|random(?:UUID|Bytes|Int)\(|process\.\w+)/;
const WAITING = "src/async/";

/** Says which import breaks which rule; undefined for a good one. */
export function importFault({ from, to }: Import): string | undefined {
  const broken = brokenRule(from, to);
  return broken && `${from} imports ${to}: ${broken}`;
}

function brokenRule(from: string, to: string): string | undefined {
  if (to.startsWith("node:")) return builtinFault(from, to);
  if (to.startsWith("src/gen/")) return generatedFault(from);
  if (to.startsWith("src/")) return directionFault(from, to);
  return packageFault(from, to);
}

/** Says where a file of the domain takes time or chance, which must come in as arguments, from its surroundings. */
export function ambientFault(file: string, source: string): string | undefined {
  const found = isDomain(file) && !isDoor(file) && !file.startsWith(WAITING) && AMBIENT.exec(source);
  return found ? `${file} uses ${found[0]}: take it as an argument` : undefined;
}

/** Folders with more files of their own than a reader can survey. */
export function crowdedFolders(files: Iterable<string>): string[] {
  const folders = Object.entries(Object.groupBy(files, (file) => dirname(file)));
  return folders.flatMap(([folder, { length } = { length: 0 }]) =>
    length > MAX_FILES ? [`${folder} has ${length} files of its own: at most ${MAX_FILES}`] : [],
  );
}

/** The files of one circle of imports, in its order; empty where no file imports itself over others. */
export function importCircle(imports: readonly Import[]): string[] {
  const targets = Map.groupBy(imports, ({ from }) => from);
  const done = new Set<string>();
  const path: string[] = [];

  function visit(file: string): string[] {
    if (path.includes(file)) return path.slice(path.indexOf(file));
    if (done.has(file)) return [];
    path.push(file);
    for (const { to } of targets.get(file) ?? []) {
      const circle = visit(to);
      if (circle.length > 0) return circle;
    }
    path.pop();
    done.add(file);
    return [];
  }

  for (const file of targets.keys()) {
    const circle = visit(file);
    if (circle.length > 0) return circle;
  }
  return [];
}

function directionFault(from: string, to: string): string | undefined {
  const [above, below] = [level(from), level(to)];
  if (above === -1 || below === -1) return `${above === -1 ? from : to} is not in the order of folders`;
  if (folder(from) === folder(to)) return undefined;
  if (above > below) return `${folder(to)} stands above ${folder(from)}`;
  if (above === below) return `${folder(from)} and ${folder(to)} must not know each other`;
  if (ADAPTERS.includes(folder(from)) && isAdapted(to) && !OPEN_TO_ADAPTERS.includes(to))
    return `an adapter sees ports alone: ${OPEN_TO_ADAPTERS.join(", ")}`;
  return undefined;
}

/** From `keys` down to `state`: what lies below are helpers, open to all. */
function isAdapted(file: string): boolean {
  return level(file) >= LEVELS.domain && level(file) < LEVELS.helpers;
}

function generatedFault(from: string): string | undefined {
  return GENERATED_USERS.some((user) => from.startsWith(user)) ? undefined : "generated code stays at the edge";
}

function builtinFault(from: string, to: string): string | undefined {
  if (!isDomain(from) || HARMLESS.includes(to)) return undefined;
  if (from === ADDRESS_READER && to === "node:net") return undefined;
  return isDoor(from) && DISK.includes(to) ? undefined : "no input or output in the domain";
}

function packageFault(from: string, to: string): string | undefined {
  if (to.startsWith(".") || /^(?:test|bench|scripts)\//.test(to)) return "this is no part of the product";
  const homes = Object.entries(HOMES).find(
    ([name]) => to === name || to.startsWith(name.endsWith("/") ? name : `${name}/`),
  );
  return homes && !homes[1].includes(folder(from)) ? `only ${homes[1].join(" and ")} may know it` : undefined;
}

function folder(file: string): string {
  return file.split("/")[1]?.replace(/\.ts$/, "") ?? "";
}

function level(file: string): number {
  return levelOf(folder(file));
}

function levelOf(name: string): number {
  return ORDER.findIndex((folders) => folders.includes(name));
}

const LEVELS = { domain: levelOf(DOMAIN), helpers: levelOf("files") };

function isDomain(file: string): boolean {
  return level(file) >= LEVELS.domain;
}

function isDoor(file: string): boolean {
  return DOORS.some((door) => file.startsWith(door));
}
