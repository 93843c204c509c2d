import { readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { issuing, verifying } from "../client/loads.ts";
import { runClosedLoop } from "../client/run.ts";
import { startNats } from "../servers/nats.ts";
import { startSignet } from "../servers/signet.ts";
import { jobFor } from "./calls.ts";

interface Frame {
  readonly functionName: string;
  readonly url: string;
  readonly lineNumber: number;
}

interface CpuProfile {
  readonly nodes: readonly { readonly id: number; readonly callFrame: Frame }[];
  /** Microseconds of the monotonic clock. */
  readonly startTime: number;
  readonly samples: readonly number[];
  /** Microseconds before each sample. */
  readonly timeDeltas: readonly number[];
}

interface SelfTime {
  readonly frame: Frame;
  readonly microseconds: number;
}

/** What lasts longest is compiled by then. */
const WARM_UP_SECONDS = 10;
/** Threads of which less is to be seen, in microseconds a call, had nothing to do with the calls. */
const LEAST = 0.5;

/**
 * Loads the service under V8's sampling profiler and lists where the time of each thread goes, by function and by file
 * or package. It is time on the wall: a thread that waits for a sync or for its core is not idle.
 */
export async function profile(name: "issue" | "verify", folder: string, seconds: number): Promise<string> {
  await using nats = await startNats(join(folder, "nats"));
  const flags = ["--cpu-prof", `--cpu-prof-dir=${folder}`];
  const server = await startSignet(nats, join(folder, "signet"), { flags });
  const load = name === "issue" ? issuing() : verifying();
  await runClosedLoop(await jobFor({ name, server, load }, folder, WARM_UP_SECONDS));
  const job = await jobFor({ name, server, load }, folder, seconds);
  const loaded = Number(process.hrtime.bigint() / 1000n);
  const { calls } = await runClosedLoop(job);
  await server.stop();

  const files = readdirSync(folder).filter((entry) => entry.endsWith(".cpuprofile"));
  if (files.length === 0) throw new Error("the service wrote no profile, since it did not stop in an orderly way");
  return files
    .map((file): CpuProfile => JSON.parse(readFileSync(join(folder, file), "utf8")))
    .flatMap((thread) => describe(`${name}: ${threadOf(thread)}`, selfTimes(thread, loaded), calls))
    .join("\n\n\n");
}

/** The folder of the thread's entry point, which no other thread runs. */
function threadOf({ nodes }: CpuProfile): string {
  const entries = nodes.flatMap(({ callFrame: { url } }) => /src\/(\w+-thread)\/serve\.ts$/.exec(url)?.[1] ?? []);
  return entries[0] ?? "main thread";
}

function describe(title: string, frames: readonly SelfTime[], calls: number): string[] {
  const busy = frames.reduce((sum, { microseconds }) => sum + microseconds, 0) / calls;
  if (busy < LEAST) return [];
  const text = [
    `${title}, self time in microseconds a call over ${calls} calls`,
    `${busy.toFixed(2).padStart(8)}  in total`,
    ranking(
      frames,
      ({ functionName, url, lineNumber }) => `${functionName || "(anonymous)"} ${place(url)}:${lineNumber + 1}`,
      calls,
      30,
    ),
    ranking(frames, ({ functionName, url }) => (url ? place(url) : functionName), calls, 20),
  ];
  return [text.join("\n\n")];
}

/** From this time of the monotonic clock on. */
function selfTimes({ nodes, startTime, samples, timeDeltas }: CpuProfile, from: number): SelfTime[] {
  const times = new Map<number, number>();
  let now = startTime;
  samples.forEach((id, i) => {
    const delta = timeDeltas[i] ?? 0;
    now += delta;
    if (now > from) times.set(id, (times.get(id) ?? 0) + delta);
  });
  return nodes
    .filter(({ callFrame }) => callFrame.functionName !== "(idle)")
    .map(({ id, callFrame }) => ({ frame: callFrame, microseconds: times.get(id) ?? 0 }));
}

function ranking(frames: readonly SelfTime[], label: (frame: Frame) => string, calls: number, length: number): string {
  const sums = new Map<string, number>();
  for (const { frame, microseconds } of frames) {
    sums.set(label(frame), (sums.get(label(frame)) ?? 0) + microseconds);
  }
  const top = [...sums].sort(([, a], [, b]) => b - a).slice(0, length);
  return top.map(([name, microseconds]) => `${(microseconds / calls).toFixed(2).padStart(8)}  ${name}`).join("\n");
}

/** The name of the package, or the path of the file in this checkout. */
function place(url: string): string {
  const name = /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url)?.[1];
  if (name) return name;
  return url.startsWith("file://")
    ? relative(join(import.meta.dirname, "../.."), new URL(url).pathname)
    : url || "(native)";
}
