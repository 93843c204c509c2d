import { join } from "node:path";
import { text } from "node:stream/consumers";
import { pinned, run, spawnChild, stop } from "../servers/process.ts";
import type { ClosedLoopJob, ClosedLoopResult } from "./closed-loop.ts";
import type { HandshakesJob } from "./handshakes.ts";
import type { Job } from "./job.ts";
import type { PoissonJob, PoissonResult } from "./poisson.ts";

/** Keeps `streams` calls in flight on each connection. Rejects unless every answer is correct. */
export async function runClosedLoop(job: ClosedLoopJob, core?: number): Promise<ClosedLoopResult> {
  return await runClient("closed-loop.ts", job, core);
}

/** Calls at a fixed mean rate, however slow the answers are. Rejects unless every answer is correct. */
export async function runPoisson(job: PoissonJob, core?: number): Promise<PoissonResult> {
  return await runClient("poisson.ts", job, core);
}

/**
 * Shakes hands with a server again and again, while `work` goes on. Without a result, and with a notice, if it did so at
 * less than nine tenths of the rate: on a machine that is too slow or too busy the result says nothing.
 */
export async function besideHandshakes<R>(job: HandshakesJob, work: () => Promise<R>): Promise<R | undefined> {
  const child = spawnChild(clientCommand("handshakes.ts", job));
  const output = child.stdout === null ? "" : text(child.stdout);
  const untilStopped = async () => {
    await stop(child);
    return Number(await output);
  };
  try {
    const result = await work();
    const perSecond = await untilStopped();
    if (perSecond > 0.9 * job.rate) return result;
    process.stderr.write(
      `${perSecond.toFixed(1)} handshakes a second, not ${job.rate}: ask for fewer by --handshakes\n`,
    );
    return undefined;
  } finally {
    await untilStopped();
  }
}

async function runClient<R>(file: string, job: Job, core: number | undefined): Promise<R> {
  return JSON.parse(await run(pinned(clientCommand(file, job), core)));
}

function clientCommand(file: string, job: object): string[] {
  return [process.execPath, join(import.meta.dirname, file), JSON.stringify(job)];
}
