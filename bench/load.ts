import { join } from "node:path";
import type { ClosedLoopJob, ClosedLoopResult } from "./client/closed-loop.ts";
import type { Job } from "./client/job.ts";
import type { PoissonJob, PoissonResult } from "./client/poisson.ts";
import { run } from "./process.ts";

/** Keeps `streams` calls in flight on each connection. Rejects unless every answer is correct. */
export async function runClosedLoop(job: ClosedLoopJob): Promise<ClosedLoopResult> {
  return await runClient("closed-loop.ts", job);
}

/** Calls at a fixed mean rate, however slow the answers are. Rejects unless every answer is correct. */
export async function runPoisson(job: PoissonJob): Promise<PoissonResult> {
  return await runClient("poisson.ts", job);
}

/**
 * The closed loop by h2load, which can send only one message. It does not know gRPC: an error also has HTTP status 200,
 * but no message, so every call must have received `answerBytes`. Calls in flight at the end are dropped.
 */
export async function runH2load(program: string, job: ClosedLoopJob, answerBytes: number): Promise<ClosedLoopResult> {
  const output = await run([
    program,
    ...["--clients", `${job.connections}`, "--max-concurrent-streams", `${job.streams}`],
    ...["--duration", `${job.seconds}`, "--data", job.messages],
    ...["--header", "content-type: application/grpc", "--header", "te: trailers"],
    `http://${job.address}${job.path}`,
  ]);
  const [calls = 0, failed = 0, errored = 0, timedOut = 0] = numbersIn(
    /(\d+) succeeded, (\d+) failed, (\d+) errored, (\d+) timeout/,
    output,
  );
  const [dataBytes = 0] = numbersIn(/\((\d+)\) data/, output);
  if (calls === 0 || failed + errored + timedOut > 0 || dataBytes < calls * answerBytes) {
    throw new Error(`h2load on ${job.path}: not every answer has a message of ${answerBytes} bytes\n${output}`);
  }
  return { calls, seconds: job.seconds, answerBytes };
}

async function runClient<R>(file: string, job: Job): Promise<R> {
  return JSON.parse(await run([process.execPath, join(import.meta.dirname, "client", file), JSON.stringify(job)]));
}

function numbersIn(pattern: RegExp, text: string): number[] {
  return (pattern.exec(text) ?? []).slice(1).map(Number);
}
