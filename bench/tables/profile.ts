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
  readonly samples: readonly number[];
  /** Microseconds before each sample. */
  readonly timeDeltas: readonly number[];
}

/** Loads the service under V8's sampling profiler and lists where its time goes, by function and by file or package. */
export async function profile(name: "issue" | "verify", folder: string, seconds: number): Promise<string> {
  await using nats = await startNats(join(folder, "nats"));
  const flags = ["--cpu-prof", `--cpu-prof-dir=${folder}`];
  const server = await startSignet(nats, join(folder, "signet"), { flags });
  const load = name === "issue" ? issuing() : verifying();
  const { calls } = await runClosedLoop(await jobFor({ name, server, load }, folder, seconds));
  await server.stop();

  const file = readdirSync(folder).find((entry) => entry.endsWith(".cpuprofile"));
  if (!file) throw new Error("the service wrote no profile, since it did not stop in an orderly way");
  const frames = selfTimes(JSON.parse(readFileSync(join(folder, file), "utf8")));
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
    ? relative(join(import.meta.dirname, "../.."), new URL(url).pathname)
    : url || "(native)";
}
