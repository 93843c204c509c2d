import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { SERVICE } from "./exchanges.ts";
import { runClosedLoop } from "./load.ts";
import { jobFor, type Plan } from "./measure.ts";
import { METHODS, type MethodName } from "./methods.ts";
import type { Server } from "./process.ts";
import { startSignet } from "./servers.ts";

interface Frame {
  readonly functionName: string;
  readonly url: string;
  readonly lineNumber: number;
}

interface CpuProfile {
  readonly nodes: readonly { readonly id: number; readonly callFrame: Frame }[];
  readonly samples: readonly number[];
  /** Microseconds before each sample. */
  readonly timeDeltas: readonly number[];
}

/** Loads the service under V8's sampling profiler and lists where its time goes, by function and by file or package. */
export async function profile(name: MethodName, nats: Server, plan: Plan): Promise<string> {
  const flags = ["--cpu-prof", `--cpu-prof-dir=${plan.folder}`];
  const signet = await startSignet(nats, join(plan.folder, "signet"), { flags });
  const job = jobFor(name, signet, plan);
  writeFileSync(job.messages, Buffer.concat(await METHODS[name].messages(signet.address, SERVICE)));
  const { calls } = await runClosedLoop(job);
  await signet.stop();

  const file = readdirSync(plan.folder).find((entry) => entry.endsWith(".cpuprofile"));
  if (!file) throw new Error("the service wrote no profile, since it did not stop in an orderly way");
  const frames = selfTimes(JSON.parse(readFileSync(join(plan.folder, file), "utf8")));
  const busy = frames.reduce((sum, { microseconds }) => sum + microseconds, 0) / calls;
  return [
    `${name}: self time of the main thread, microseconds per call over ${calls} calls, including the start of the process`,
    `${busy.toFixed(2).padStart(8)}  in total`,
    ranking(
      frames,
      ({ functionName, url, lineNumber }) => `${functionName || "(anonymous)"} ${place(url)}:${lineNumber + 1}`,
      calls,
      30,
    ),
    ranking(frames, ({ functionName, url }) => (url ? place(url) : functionName), calls, 20),
  ].join("\n\n");
}

function selfTimes({ nodes, samples, timeDeltas }: CpuProfile): { frame: Frame; microseconds: number }[] {
  const times = new Map<number, number>();
  samples.forEach((id, i) => {
    times.set(id, (times.get(id) ?? 0) + (timeDeltas[i] ?? 0));
  });
  return nodes
    .filter(({ callFrame }) => callFrame.functionName !== "(idle)")
    .map(({ id, callFrame }) => ({ frame: callFrame, microseconds: times.get(id) ?? 0 }));
}

function ranking(
  frames: readonly { frame: Frame; microseconds: number }[],
  label: (frame: Frame) => string,
  calls: number,
  length: number,
): string {
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
    ? relative(join(import.meta.dirname, ".."), new URL(url).pathname)
    : url || "(native)";
}
