import type { Import } from "./imports.ts";

/** An import may go down this list or stay in its own folder; the domain's folders may also use each other. */
const LAYERS: readonly (readonly string[])[] = [
  ["main"],
  ["app"],
  ["audit-thread", "readiness"],
  ["cli"],
  ["grpc", "http", "nats", "jose"],
  ["log", "start-error", "steady-clock"],
  ["token", "profile", "keyring", "audit", "access", "revoke", "replica", "config"],
  ["state"],
  ["coded-error"],
];
const EDGES = 4;
const DOMAIN = 6;

const STATE_PORT = "src/state/keyvalue.ts";
/** What every adapter of the port must refuse: the one that lives at the edge as well. */
const ADAPTER_LIMITS = "src/state/limits.ts";
const GENERATED_USERS = ["src/grpc/", "src/cli/", "src/audit/encode.ts"];

/** A library that only its own folder knows. */
const HOMES: Readonly<Record<string, readonly string[]>> = {
  "@grpc/": ["grpc", "cli"],
  "grpc-health-check": ["grpc"],
  commander: ["cli"],
  jose: ["jose"],
  nats: ["nats"],
};

/** The only files of the domain and of the state that may touch the disk; none may touch the network. */
const DOORS = [
  "src/audit/bookmark",
  "src/audit/durable-file",
  "src/audit/identity",
  "src/audit/reader",
  "src/audit/open-spool",
  "src/audit/recovery",
  "src/audit/retention",
  "src/audit/spool-file",
  "src/config/load",
  "src/profile/load",
  "src/replica/snapshot-files",
  "src/state/file",
  "src/state/sqlite",
];
/** Reads addresses with `isIPv4`, and opens nothing. */
const ADDRESS_READER = "src/config/loopback.ts";
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

const AMBIENT =
  /\b(?:Date\.now\(|new Date\(\)|performance\.now\(|Math\.random\(|random(?:UUID|Bytes|Int)\(|process\.\w+)/;

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
  const found = isDomain(file) && !isDoor(file) && AMBIENT.exec(source);
  return found ? `${file} uses ${found[0]}: take it as an argument` : undefined;
}

function directionFault(from: string, to: string): string | undefined {
  const [above, below] = [layer(from), layer(to)];
  if (above === -1 || below === -1) return `${above === -1 ? from : to} is in no layer`;
  if (folder(from) === folder(to)) return undefined;
  if (above > below) return `${folder(to)} stands above ${folder(from)}`;
  if (above === below && above !== DOMAIN) return `${folder(from)} and ${folder(to)} must not know each other`;
  if (folder(from) === "nats" && to === ADAPTER_LIMITS) return undefined;
  if (above >= EDGES && folder(to) === "state" && to !== STATE_PORT) return `only ${STATE_PORT} is open here`;
  return undefined;
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

function layer(file: string): number {
  return LAYERS.findIndex((folders) => folders.includes(folder(file)));
}

function isDomain(file: string): boolean {
  return layer(file) >= DOMAIN;
}

function isDoor(file: string): boolean {
  return DOORS.some((door) => file.startsWith(door));
}
