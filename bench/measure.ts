import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ClosedLoopJob } from "./client/closed-loop.ts";
import { type Exchange, SERVICE } from "./exchanges.ts";
import { runClosedLoop, runH2load, runPoisson } from "./load.ts";
import { METHODS, type MethodName } from "./methods.ts";
import { cpuMicroseconds, residentMebibytes, type Server } from "./process.ts";

export interface Plan {
  readonly rounds: number;
  /** The length of each throughput run and of each latency run. */
  readonly seconds: number;
  /** Calls per second of the latency runs. */
  readonly rate: number;
  readonly seed: number;
  /** The path of h2load. Without it, the own client makes all the load. */
  readonly h2load: string | undefined;
  /** The folder for the messages that the clients send. */
  readonly folder: string;
}

export interface Contestant {
  /** Default: the name of the server. */
  readonly name?: string;
  readonly server: Server;
  /** Default: the profile `service`. */
  readonly exchange?: Exchange;
  /**
   * Waits for the work that the server does after its answers, and resolves with the milliseconds that it took. There
   * were at least `atLeast` and at most `atMost` calls so far.
   */
  settle(atLeast: number, atMost: number): Promise<number>;
}

/** One server in one round. */
export interface Sample {
  readonly callsPerSecond: number;
  readonly cpuMicrosecondsPerCall: number;
  readonly residentMebibytes: number;
  /** Milliseconds at the plan's rate. */
  readonly p50: number;
  readonly p99: number;
  /** The part of p99 that the client caused. */
  readonly lateness: number;
  /** Milliseconds from the last answer until the server's remaining work was done. */
  readonly settling: number;
}

export interface Row {
  readonly name: string;
  /** One sample for each round. */
  readonly samples: readonly Sample[];
}

export const CONNECTIONS = 4;
export const STREAMS = 16;
const WARM_UP_SECONDS = 2;

/** Loads the servers in turn, so that a temporary disturbance of the machine affects neighbouring runs alike. */
export async function measure(method: MethodName, contestants: readonly Contestant[], plan: Plan): Promise<Row[]> {
  const ready = [];
  for (const contestant of contestants) ready.push(await createContestantRun(method, contestant, plan));
  for (let round = 0; round < plan.rounds; round++) {
    for (let turn = 0; turn < ready.length; turn++) await ready[(turn + round) % ready.length]?.run(round);
  }
  return ready.map(({ row }) => row);
}

async function createContestantRun(method: MethodName, contestant: Contestant, plan: Plan) {
  const { server, settle, exchange = SERVICE, name = server.name } = contestant;
  const { messages } = METHODS[method];
  const job = jobFor(method, server, plan, name);
  const h2load = method === "issue" ? plan.h2load : undefined;
  const samples: Sample[] = [];

  // New tokens for each round, since those of the first round expire.
  const writeMessages = async () =>
    writeFileSync(job.messages, Buffer.concat(await messages(server.address, exchange)));
  await writeMessages();
  const warmUp = await runClosedLoop({ ...job, seconds: WARM_UP_SECONDS });
  let answered = warmUp.calls;
  let dropped = 0;
  await settle(answered, answered);

  async function loaded(): Promise<Pick<Sample, "callsPerSecond" | "cpuMicrosecondsPerCall" | "settling">> {
    const before = cpuMicroseconds(server.pid);
    const { calls, seconds } = h2load ? await runH2load(h2load, job, warmUp.answerBytes) : await runClosedLoop(job);
    answered += calls;
    if (h2load) dropped += job.connections * job.streams;
    const settling = await settle(answered, answered + dropped);
    const cpu = cpuMicroseconds(server.pid) - before;
    return { callsPerSecond: calls / seconds, cpuMicrosecondsPerCall: cpu / calls, settling };
  }

  async function run(round: number): Promise<void> {
    await writeMessages();
    const load = await loaded();
    const resident = residentMebibytes(server.pid);
    const { calls, p50, p99, lateness } = await runPoisson({ ...job, rate: plan.rate, seed: plan.seed + round });
    answered += calls;
    await settle(answered, answered + dropped);
    samples.push({ ...load, residentMebibytes: resident, p50, p99, lateness });
  }

  const row: Row = { name, samples };
  return { run, row };
}

export function jobFor(method: MethodName, server: Server, plan: Plan, name = server.name): ClosedLoopJob {
  return {
    address: server.address,
    path: METHODS[method].path,
    expected: METHODS[method].expected.toString("hex"),
    messages: join(plan.folder, `${name}-${method}.bin`),
    connections: CONNECTIONS,
    streams: STREAMS,
    seconds: plan.seconds,
  };
}
