import { existsSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { issuing, verifying } from "../client/loads.ts";
import { runClosedLoop } from "../client/run.ts";
import { startNats } from "../servers/nats.ts";
import { PACKAGE, startSignet } from "../servers/signet.ts";
import { residentMegabytes } from "../servers/usage.ts";
import { median } from "../statistics.ts";
import { alignColumns } from "../text-table.ts";
import { jobFor } from "./calls.ts";
import type { Bench, Measured } from "./table.ts";

/** Megabytes of resident memory, by the flags with which the CPU is measured. */
interface Memory {
  /** Some seconds after the start. */
  readonly rest: number;
  /** The most that was seen under full load. */
  readonly load: number;
}

const PROGRAMS: Readonly<Record<string, string | undefined>> = {
  package: existsSync(PACKAGE) ? join(PACKAGE, "lib/main.js") : undefined,
  sources: undefined,
};
const BARS: Memory = { rest: 150, load: 200 };
const REST_MS = 5_000;
const LOOK_MS = 100;

/** A new process in each round: what one has grown to says nothing of the next. */
export async function* measureMemory(bench: Bench): AsyncGenerator<Measured> {
  await using nats = await startNats(join(bench.folder, "nats"));
  const names = Object.keys(PROGRAMS).filter((name) => name === "sources" || PROGRAMS[name] !== undefined);
  const rounds = await bench.rounds(async (round) => {
    const memories: Record<string, Memory> = {};
    for (const name of names) {
      const program = PROGRAMS[name];
      const folder = join(bench.folder, `${name}-${round}`);
      await using server = await startSignet(nats, folder, { ...(program && { program }) });
      memories[name] = await measureProcess(bench, server);
    }
    return memories;
  });
  const values = (name: string, when: keyof Memory) => rounds.flatMap((round) => round[name]?.[when] ?? []);
  const rows = names.map((name) => [
    name,
    ...(["rest", "load"] as const).map((when) => median(values(name, when)).toFixed(0)),
  ]);
  const judged = names[0] ?? "";
  yield {
    data: rounds,
    text: `memory${PROGRAMS.package ? "" : " (no package: make build)"}\n${alignColumns([["", "at rest MB", "under load MB"], ...rows])}`,
    goals: (["rest", "load"] as const).map((when) => ({
      what: `MB of memory ${when === "rest" ? "at rest" : "under load"} (${judged})`,
      bar: { atMost: BARS[when] },
      measured: values(judged, when),
    })),
  };
}

async function measureProcess(
  { folder, options }: Bench,
  server: Awaited<ReturnType<typeof startSignet>>,
): Promise<Memory> {
  await delay(REST_MS);
  const rest = residentMegabytes(server.pid);
  let load = rest;
  const looking = setInterval(() => {
    load = Math.max(load, residentMegabytes(server.pid));
  }, LOOK_MS);
  try {
    for (const make of [issuing, verifying])
      await runClosedLoop(await jobFor({ name: "memory", server, load: make() }, folder, options.seconds));
  } finally {
    clearInterval(looking);
  }
  return { rest, load };
}
