import { parseArgs } from "node:util";

export const TABLES = [
  "servers",
  "pinned",
  "latency",
  "memory",
  "start",
  "scale",
  "size",
  "profiles",
  "network",
  "traces",
  "modes",
  "backlog",
  "sessions",
  "verify",
] as const;

export type TableName = (typeof TABLES)[number];

/** Those without an answer to wait for minutes for, which have most of the goals. */
const DEFAULT: readonly TableName[] = ["servers", "pinned", "latency", "memory"];

export interface Options {
  readonly tables: readonly TableName[];
  readonly rounds: number;
  /** The length of each run of a load. */
  readonly seconds: number;
  /** Calls a second where latencies are measured beside throughput, and of each replica. */
  readonly rate: number;
  /** Handshakes in a second, in the row that has any. */
  readonly handshakes: number;
  readonly seed: number;
  /** How many percent above its best time a loop may take on a machine that counts as quiet. */
  readonly noise: number;
  /** Whether oidc-provider takes part. */
  readonly peers: boolean;
  readonly size: Size;
  readonly profile: "issue" | "verify" | undefined;
  readonly json: boolean;
}

/** How much state the table `size` has. */
export interface Size {
  readonly revocations: number;
  readonly sessions: number;
  readonly rotations: number;
}

export function readOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      table: { type: "string", multiple: true, default: [...DEFAULT] },
      rounds: { type: "string", default: "5" },
      seconds: { type: "string", default: "3" },
      rate: { type: "string", default: "800" },
      handshakes: { type: "string", default: "200" },
      seed: { type: "string", default: "1" },
      noise: { type: "string", default: "25" },
      peers: { type: "boolean", default: false },
      revocations: { type: "string", default: "1000000" },
      sessions: { type: "string", default: "100000" },
      rotations: { type: "string", default: "60" },
      profile: { type: "string" },
      json: { type: "boolean", default: false },
    },
  });
  const number = (option: Exclude<keyof typeof values, "table" | "peers" | "profile" | "json">) =>
    positive(option, values[option]);
  return {
    tables: tableNames(values.table),
    rounds: number("rounds"),
    seconds: number("seconds"),
    rate: number("rate"),
    handshakes: number("handshakes"),
    seed: number("seed"),
    noise: number("noise"),
    peers: values.peers,
    size: { revocations: number("revocations"), sessions: number("sessions"), rotations: number("rotations") },
    profile: profileName(values.profile),
    json: values.json,
  };
}

function positive(option: string, text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new Error(`--${option} ${text}: must be a whole number from 1`);
  return Number(text);
}

/** In the order in which they are measured. */
function tableNames(texts: readonly string[]): readonly TableName[] {
  const unknown = texts.find((text) => text !== "all" && !TABLES.some((name) => name === text));
  if (unknown !== undefined) throw new Error(`--table ${unknown}: must be all, ${TABLES.join(" or ")}`);
  return TABLES.filter((name) => texts.includes(name) || texts.includes("all"));
}

function profileName(text: string | undefined): Options["profile"] {
  if (text === undefined || text === "issue" || text === "verify") return text;
  throw new Error(`--profile ${text}: must be issue or verify`);
}
