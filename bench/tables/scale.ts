import { randomBytes } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { ClosedLoopJob } from "../client/closed-loop.ts";
import { issuing } from "../client/loads.ts";
import { runPoisson } from "../client/run.ts";
import { startNats } from "../servers/nats.ts";
import type { Server } from "../servers/process.ts";
import { startSignet } from "../servers/signet.ts";
import { cpuMicroseconds } from "../servers/usage.ts";
import { median, ratios, spread } from "../statistics.ts";
import { alignColumns } from "../text-table.ts";
import { jobFor, warmUp } from "./calls.ts";
import type { Bench, Measured } from "./table.ts";

/** Replicas that share a NATS server of their own. */
interface Replicas {
  readonly nats: Server;
  readonly servers: readonly Server[];
}

/** What a set of replicas took in a round. */
interface Sample {
  /** Microseconds of CPU for each token, of each replica. */
  readonly cpu: readonly number[];
  readonly natsCpu: number;
  /** Milliseconds of CPU in a second, of each replica that does nothing. */
  readonly atRest: readonly number[];
}

const COUNTS = [1, 2, 3] as const;

/** Every replica gets as many calls, whatever their number: what one costs more is what the others cost it. */
export async function* measureScale(bench: Bench): AsyncGenerator<Measured> {
  await using ends = new AsyncDisposableStack();
  const sets: Replicas[] = [];
  for (const count of COUNTS) sets.push(await startReplicas(ends, join(bench.folder, `${count}`), count));
  for (const server of sets.flatMap(({ servers }) => servers))
    await warmUp(bench, { name: "replica", server, load: issuing() });
  const rounds = await bench.rounds(async (round) => {
    const samples: Sample[] = [];
    for (const set of sets) samples.push(await measureSet(bench, set, round));
    return samples;
  });
  const rows = sets.map((_, at) => rounds.flatMap((samples) => samples[at] ?? []));
  const cpuOf = (at: number) => (rows[at] ?? []).map(({ cpu }) => mean(cpu));
  const lines = rows.map((samples, at) => [
    `${COUNTS[at]}`,
    median(cpuOf(at)).toFixed(1),
    median(ratios(cpuOf(at), cpuOf(0))).toFixed(2),
    spread(ratios(cpuOf(at), cpuOf(0))),
    median(samples.map(({ natsCpu }) => natsCpu)).toFixed(1),
    median(samples.map(({ atRest }) => mean(atRest))).toFixed(1),
  ]);
  const heading = ["replicas", "CPU us each", "of one", "min..max", "nats us", "at rest ms/s each"];
  yield {
    data: rounds,
    text: `IssueToken, replicas on one NATS, ${bench.options.rate} calls/s each\n${alignColumns([heading, ...lines])}`,
    goals: [{ what: "CPU a token of each of three replicas, of each of two", measured: ratios(cpuOf(2), cpuOf(1)) }],
  };
}

async function startReplicas(ends: AsyncDisposableStack, folder: string, count: number): Promise<Replicas> {
  mkdirSync(folder, { recursive: true });
  const kek = join(folder, "kek");
  writeFileSync(kek, randomBytes(32).toString("base64url"), { mode: 0o600 });
  const nats = ends.use(await startNats(join(folder, "nats")));
  const servers: Server[] = [];
  for (let replica = 1; replica <= count; replica++)
    servers.push(ends.use(await startSignet(nats, join(folder, `replica-${replica}`), { shared: true, kek })));
  return { nats, servers };
}

async function measureSet({ folder, options }: Bench, { nats, servers }: Replicas, round: number): Promise<Sample> {
  const { rate, seconds, seed } = options;
  const atRest = await cpuDuring(servers, () => delay(seconds * 1000));
  const jobs: ClosedLoopJob[] = [];
  for (const [at, server] of servers.entries())
    jobs.push(await jobFor({ name: `replica-${at}`, server, load: issuing() }, folder, seconds));
  let calls: number[] = [];
  const cpu = await cpuDuring([...servers, nats], async () => {
    const results = jobs.map((job, at) => runPoisson({ ...job, rate, seed: seed + 10 * round + at }));
    calls = (await Promise.all(results)).map((result) => result.calls);
  });
  const natsCpu = (cpu.pop() ?? 0) / calls.reduce((sum, count) => sum + count, 0);
  return {
    cpu: ratios(cpu, calls),
    natsCpu,
    atRest: atRest.map((microseconds) => microseconds / 1000 / seconds),
  };
}

/** The CPU that each of the servers took meanwhile, in microseconds. */
async function cpuDuring(servers: readonly Server[], work: () => Promise<unknown>): Promise<number[]> {
  const before = servers.map(({ pid }) => cpuMicroseconds(pid));
  await work();
  return servers.map(({ pid }, at) => cpuMicroseconds(pid) - (before[at] ?? 0));
}

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
