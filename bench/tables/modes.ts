import { readFileSync } from "node:fs";
import { join } from "node:path";
import { issuing } from "../client/loads.ts";
import { runClosedLoop } from "../client/run.ts";
import type { Goal } from "../goals.ts";
import { openAuditTrail } from "../servers/audit-trail.ts";
import { startNats } from "../servers/nats.ts";
import { type SignetOptions, startSignet } from "../servers/signet.ts";
import { median, ratios } from "../statistics.ts";
import { type Contestant, cpuOf, formatCalls, jobFor, measureCalls, perSecondOf, type Row, rowOf } from "./calls.ts";
import type { Bench, Measured } from "./table.ts";

const WITHOUT_TREE = `--import=${join(import.meta.dirname, "../hooks/without-tree.ts")}`;

const VARIANTS: Readonly<Record<string, SignetOptions>> = {
  spool: {},
  "spool again": {},
  "without tree": { flags: [WITHOUT_TREE] },
  strict: { strict: true },
};

/**
 * IssueToken in the mode `spool`, without the tree of the log, and in the mode `strict`, in which it waits for NATS.
 * Latencies are those at half of what `spool` can do.
 */
export async function* measureModes(bench: Bench): AsyncGenerator<Measured> {
  await using ends = new AsyncDisposableStack();
  const nats = ends.use(await startNats(join(bench.folder, "nats")));
  const contestants: Contestant[] = [];
  for (const [name, options] of Object.entries(VARIANTS)) {
    const server = ends.use(await startSignet(nats, folderOf(bench, name), options));
    contestants.push({ name, server, load: issuing(), nats });
  }
  const rate = Math.ceil((await fullRate(bench, contestants)) / 2);
  const trail = ends.use(await openAuditTrail(nats));
  const audited = contestants.map((contestant) => ({ ...contestant, trail }));
  const rows = await measureCalls(bench, audited, { isLoaded: true, rate, seconds: bench.options.seconds });
  await ends.disposeAsync();
  requireHook(bench);
  yield {
    data: { IssueToken: rows, rate },
    text: `audit modes: IssueToken, latencies at half load (${rate} calls/s)\n${formatCalls(rows, "spool")}`,
    goals: goalsOf(rows),
  };
}

async function fullRate(bench: Bench, [first]: readonly Contestant[]): Promise<number> {
  if (first === undefined) return Number.NaN;
  const { calls, seconds } = await runClosedLoop(await jobFor(first, bench.folder, bench.options.seconds));
  return calls / seconds;
}

/** Throws where the tree was not taken out of one service alone: a path of the hook may be wrong. */
function requireHook(bench: Bench): void {
  if (hasTree(folderOf(bench, "spool")) && !hasTree(folderOf(bench, "without tree"))) return;
  throw new Error("the tree was not taken out of one service alone: see bench/hooks/without-tree.ts");
}

/** Whether a service that has stopped kept the edge of a tree. */
function hasTree(folder: string): boolean {
  const { tree } = JSON.parse(readFileSync(join(folder, "data/spool/identity.json"), "utf8"));
  return tree.roots.length > 0;
}

function folderOf({ folder }: Bench, name: string): string {
  return join(folder, name.replaceAll(" ", "-"));
}

function goalsOf(rows: readonly Row[]): Goal[] {
  const [spool, bare, strict] = ["spool", "without tree", "strict"].map((name) => rowOf(rows, name)) as [Row, Row, Row];
  const p50 = ({ samples }: Row) => samples.map(({ latency }) => latency?.p50 ?? Number.NaN);
  const above = p50(strict).map((own, round) => own - (p50(spool)[round] ?? Number.NaN));
  return [
    {
      what: "audit: CPU of the spool without its tree, of that with it",
      bar: { atLeast: 0.95 },
      measured: ratios(cpuOf(bare), cpuOf(spool)),
      note: `tokens/s with it, of those without ${median(ratios(perSecondOf(spool), perSecondOf(bare))).toFixed(2)}`,
    },
    {
      what: "audit: tokens/s of strict, of those of spool",
      bar: { atLeast: 0.75 },
      measured: ratios(perSecondOf(strict), perSecondOf(spool)),
    },
    {
      what: "audit: p50 of strict at half load, above that of spool, ms",
      bar: { atMost: 3 },
      measured: above,
      note: `${median(p50(strict)).toFixed(2)} above ${median(p50(spool)).toFixed(2)} ms`,
    },
  ];
}
