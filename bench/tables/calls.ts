import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ClosedLoopJob } from "../client/closed-loop.ts";
import { type Load, STREAMS } from "../client/loads.ts";
import type { PoissonResult } from "../client/poisson.ts";
import { besideHandshakes, runClosedLoop, runPoisson } from "../client/run.ts";
import type { AuditTrail } from "../servers/audit-trail.ts";
import type { Server } from "../servers/process.ts";
import { cpuMicroseconds, residentMegabytes } from "../servers/usage.ts";
import { median, ratios, spread } from "../statistics.ts";
import { alignColumns } from "../text-table.ts";
import type { Bench } from "./table.ts";

export interface Contestant {
  readonly name: string;
  readonly server: Server;
  readonly load: Load;
  /** The server in which its events become durable: its CPU is counted beside. */
  readonly nats?: Server;
  /** A load ends when the event of each of its tokens is in the stream. */
  readonly trail?: AuditTrail;
  /** How often others shake hands with the server while latencies are measured, in a second. Default: never. */
  readonly handshakes?: number;
}

/** What is measured of each contestant, and how. */
export interface Plan {
  /** Whether they are loaded as much as they take. */
  readonly isLoaded: boolean;
  /** Calls a second at which their latencies are measured. Undefined: they are not. */
  readonly rate?: number;
  readonly seconds: number;
  /** The core of the clients. Default: all. */
  readonly core?: number | undefined;
}

/** One server in one round. A member is undefined where the plan does not measure it. */
interface Sample {
  readonly loaded: LoadedSample | undefined;
  readonly latency: PoissonResult | undefined;
}

/** All of them for each token. */
interface LoadedSample {
  /** Microseconds of the server's process tree. This figure is judged: it depends least on what else runs. */
  readonly cpu: number;
  /** Microseconds of nats-server, which the service makes durable what it answers. */
  readonly natsCpu: number;
  readonly perSecond: number;
  /** Megabytes after the load. */
  readonly resident: number;
  /** Milliseconds from the last answer until the server's remaining work was done. */
  readonly settling: number;
}

export interface Row {
  readonly name: string;
  /** One sample for each quiet round. */
  readonly samples: readonly Sample[];
}

/** Until V8 has compiled what a call runs: an IssueToken takes twice the CPU in the first seconds. */
const WARM_UP_SECONDS = 10;

/** Loads the servers in turn, so that a temporary disturbance of the machine affects neighbouring runs alike. */
export async function measureCalls(bench: Bench, contestants: readonly Contestant[], plan: Plan): Promise<Row[]> {
  for (const contestant of contestants) await warmUp(bench, contestant, plan);
  // Otherwise the kernel writes back what the warm-up has left, and a sync beside that takes up to a second.
  execFileSync("sync");
  const rounds = await bench.rounds(async (round) => {
    const samples = new Map<Contestant, Sample>();
    for (let turn = 0; turn < contestants.length; turn++) {
      const contestant = contestants[(turn + round) % contestants.length];
      if (contestant) samples.set(contestant, await measureOne(bench, contestant, plan, round));
    }
    return contestants.flatMap((contestant) => samples.get(contestant) ?? []);
  });
  return contestants.map(({ name }, at) => ({ name, samples: rounds.flatMap((samples) => samples[at] ?? []) }));
}

/** Loads a server until its CPU for each call no longer falls. `core`: that of the clients. */
export async function warmUp(
  { folder }: Pick<Bench, "folder">,
  contestant: Pick<Contestant, "name" | "server" | "load">,
  { core }: Pick<Plan, "core"> = {},
): Promise<void> {
  await runClosedLoop(await jobFor(contestant, folder, WARM_UP_SECONDS), core);
}

async function measureOne(bench: Bench, contestant: Contestant, plan: Plan, round: number): Promise<Sample> {
  // New tokens for each round, since those of the first round expire.
  const job = await jobFor(contestant, bench.folder, plan.seconds);
  const loaded = plan.isLoaded ? await measureLoaded(contestant, job, plan) : undefined;
  if (plan.rate === undefined) return { loaded, latency: undefined };
  const rate = Math.ceil(plan.rate / contestant.load.tokens);
  const poisson = { ...job, rate, seed: bench.options.seed + round };
  const { server, handshakes } = contestant;
  const latencies = () => runPoisson(poisson, plan.core);
  if (handshakes === undefined || server.tls === undefined) return { loaded, latency: await latencies() };
  const beside = { address: server.address, tls: server.tls, rate: handshakes };
  return { loaded, latency: await besideHandshakes(beside, latencies) };
}

async function measureLoaded(
  { server, nats, trail, load }: Contestant,
  job: ClosedLoopJob,
  { core }: Plan,
): Promise<LoadedSample> {
  const events = (await trail?.count()) ?? 0;
  const cpuBefore = cpuMicroseconds(server.pid);
  const natsBefore = nats ? cpuMicroseconds(nats.pid) : 0;
  const { calls, seconds } = await runClosedLoop(job, core);
  const tokens = calls * load.tokens;
  const settling = (await trail?.reaches(events + tokens)) ?? 0;
  return {
    cpu: (cpuMicroseconds(server.pid) - cpuBefore) / tokens,
    natsCpu: nats ? (cpuMicroseconds(nats.pid) - natsBefore) / tokens : 0,
    perSecond: tokens / seconds,
    resident: residentMegabytes(server.pid),
    settling,
  };
}

/** Writes the messages that the server gets into a file. */
export async function jobFor(
  { name, server, load }: Pick<Contestant, "name" | "server" | "load">,
  folder: string,
  seconds: number,
): Promise<ClosedLoopJob> {
  const messages = join(folder, `${name.replaceAll(" ", "-")}.messages`);
  writeFileSync(messages, Buffer.concat(await load.messages(server)));
  const { protocol, path, expected, connections, streams = STREAMS } = load;
  const { address, tls } = server;
  return { protocol, address, tls, path, expected, messages, connections, streams, seconds };
}

/** A figure of a row, one value for each round. */
export const cpuOf = ({ samples }: Row): number[] => samples.map(({ loaded }) => loaded?.cpu ?? Number.NaN);
export const cpuWithNats = ({ samples }: Row): number[] =>
  samples.map(({ loaded }) => (loaded === undefined ? Number.NaN : loaded.cpu + loaded.natsCpu));
export const perSecondOf = ({ samples }: Row): number[] => samples.map(({ loaded }) => loaded?.perSecond ?? Number.NaN);

/** The row of this name. Throws if there is none. */
export function rowOf(rows: readonly Row[], name: string): Row {
  const row = rows.find((candidate) => candidate.name === name);
  if (row === undefined) throw new Error(`no row ${name}`);
  return row;
}

interface Column {
  readonly heading: string;
  cell(row: Row): string;
}

/** The medians of all quiet rounds. The ratios of CPU are to the row `base` in the same round. */
export function formatCalls(rows: readonly Row[], base: string): string {
  const [first] = rows.flatMap(({ samples }) => samples);
  if (first === undefined) return "no round was quiet";
  const columns = [
    ...(first.loaded ? loadedColumns(rowOf(rows, base)) : []),
    ...(first.latency ? LATENCY_COLUMNS : []),
  ];
  const lines = rows.map((row) => [row.name, ...columns.map(({ cell }) => cell(row))]);
  return alignColumns([["", ...columns.map(({ heading }) => heading)], ...lines]);
}

function loadedColumns(base: Row): Column[] {
  const ofBase = (row: Row) => ratios(cpuOf(row), cpuOf(base));
  const middle = (row: Row, value: (sample: LoadedSample) => number, digits: number) =>
    median(row.samples.flatMap(({ loaded }) => (loaded ? value(loaded) : []))).toFixed(digits);
  return [
    { heading: "CPU us", cell: (row) => middle(row, ({ cpu }) => cpu, 1) },
    { heading: `of ${base.name}`, cell: (row) => median(ofBase(row)).toFixed(2) },
    { heading: "min..max", cell: (row) => spread(ofBase(row)) },
    { heading: "nats us", cell: (row) => middle(row, ({ natsCpu }) => natsCpu, 1) },
    { heading: "tokens/s", cell: (row) => middle(row, ({ perSecond }) => perSecond, 0) },
    { heading: "settle ms", cell: (row) => middle(row, ({ settling }) => settling, 0) },
    { heading: "RSS MB", cell: (row) => middle(row, ({ resident }) => resident, 0) },
  ];
}

const latencyColumn = (heading: string, value: (latency: PoissonResult) => number): Column => ({
  heading,
  cell: ({ samples }) => median(samples.flatMap(({ latency }) => (latency ? value(latency) : []))).toFixed(2),
});
const LATENCY_COLUMNS: readonly Column[] = [
  latencyColumn("p50 ms", ({ p50 }) => p50),
  latencyColumn("p99 ms", ({ p99 }) => p99),
  latencyColumn("client p99", ({ lateness }) => lateness),
];
