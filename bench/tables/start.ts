import { existsSync } from "node:fs";
import { join } from "node:path";
import { runTimed, startServer } from "../servers/process.ts";
import { PACKAGE } from "../servers/signet.ts";
import { startNode } from "../servers/start-node.ts";
import { cpuMicroseconds } from "../servers/usage.ts";
import { median, ratios } from "../statistics.ts";
import { alignColumns } from "../text-table.ts";
import type { Bench, Measured } from "./table.ts";

const CHECKOUT = join(import.meta.dirname, "../..");
const NODE = "node -e 0";

/** Milliseconds. CPU is that of the process and its children, user and system. */
interface Start {
  readonly wall: number;
  readonly cpu: number;
}

/** How each command is started, in an empty folder. */
const COMMANDS: Readonly<Record<string, (folder: string) => Promise<Start>>> = {
  [NODE]: () => ended("node", "-e", "0"),
  "sources: main.ts --version": () => ended("node", join(CHECKOUT, "src/main.ts"), "--version"),
  "sources: signet --version": () => ended(join(CHECKOUT, "scripts/signet.sh"), "--version"),
  "sources: serve until ready": (folder) => ready(join(CHECKOUT, "src/main.ts"), folder),
  ...(existsSync(PACKAGE) && {
    "package: signet --version": () => ended(join(PACKAGE, "bin/signet"), "--version"),
    "package: signet --help": () => ended(join(PACKAGE, "bin/signet"), "--help"),
    "package: serve until ready": (folder) => ready(join(PACKAGE, "lib/main.js"), folder),
  }),
};
const GOALS = { "package: serve until ready": 6, "package: signet --version": 3 };

/** How long the command takes to start, from the sources and from the package. */
export async function* measureStart({ folder, rounds }: Bench): AsyncGenerator<Measured> {
  const kept = await rounds(async (round) => {
    const starts: Record<string, Start> = {};
    for (const [at, [name, start]] of Object.entries(COMMANDS).entries())
      starts[name] = await start(join(folder, `${round}-${at}`));
    return starts;
  });
  const values = (name: string, figure: keyof Start) => kept.map((starts) => starts[name]?.[figure] ?? Number.NaN);
  const ofNode = (name: string, figure: keyof Start) => ratios(values(name, figure), values(NODE, figure));
  const rows = Object.keys(COMMANDS).map((name) => [
    name,
    ...(["wall", "cpu"] as const).flatMap((figure) => [
      median(values(name, figure)).toFixed(0),
      median(ofNode(name, figure)).toFixed(2),
    ]),
  ]);
  yield {
    data: kept,
    text: alignColumns([["start", "wall ms", "of node", "CPU ms", "of node"], ...rows]),
    goals: Object.entries(GOALS)
      .filter(([name]) => name in COMMANDS)
      .map(([name, atMost]) => ({ what: `${name}, of ${NODE}`, bar: { atMost }, measured: ofNode(name, "wall") })),
  };
}

async function ended(...command: readonly string[]): Promise<Start> {
  const { wall, cpu } = await runTimed(command);
  return { wall: wall * 1000, cpu: cpu * 1000 };
}

/** On an empty data folder and without NATS. */
async function ready(program: string, folder: string): Promise<Start> {
  const settings = { DATA: folder, NATS_URL: "", GRPC_ADDRESS: "127.0.0.1:0", HTTP_ADDRESS: "127.0.0.1:0" };
  const variables = Object.entries(settings).map(([name, value]) => `SIGNET_${name}=${value}`);
  const begin = performance.now();
  await using server = await startServer("signet", ["env", ...variables, ...startNode(), program, "serve"], (line) =>
    line.includes('"event":"ready"') ? "ready" : undefined,
  );
  return { wall: performance.now() - begin, cpu: cpuMicroseconds(server.pid) / 1000 };
}
