import { join } from "node:path";
import { issuing, issuingByOidcProvider } from "../client/loads.ts";
import type { Goal } from "../goals.ts";
import { type Costs, measureCosts } from "../machine/costs.ts";
import { startNats } from "../servers/nats.ts";
import { PEERS, startOidcProvider, startPeer } from "../servers/peers.ts";
import { startSignet } from "../servers/signet.ts";
import { median, ratios } from "../statistics.ts";
import { alignColumns } from "../text-table.ts";
import { type Contestant, formatCalls, measureCalls, type Row, rowOf } from "./calls.ts";
import { type Bench, beforeRounds, type Measured } from "./table.ts";

/** So few calls a second that each is alone on the line. */
const RATE = 200;
/** So that the 99th percentile is that of more than a handful of calls. */
const LEAST_SECONDS = 10;
/** What an IssueToken may take beyond a signature and a sync, in milliseconds. */
const MARGIN_MS = 0.3;

/** How long an IssueToken takes at a low rate, beside what the machine takes for the steps of it. */
export async function* measureLatency(bench: Bench): AsyncGenerator<Measured> {
  await using ends = new AsyncDisposableStack();
  const nats = ends.use(await startNats(join(bench.folder, "nats")));
  const contestants: Contestant[] = [];
  for (const peer of PEERS.filter(({ name }) => name !== "obvious"))
    contestants.push({ name: peer.name, server: ends.use(await startPeer(peer, nats)), load: issuing() });
  if (bench.options.peers) {
    const { server, secret } = await startOidcProvider();
    contestants.push({ name: "oidc-provider", server: ends.use(server), load: issuingByOidcProvider({ secret }) });
  }
  contestants.push({
    name: "signet",
    server: ends.use(await startSignet(nats, join(bench.folder, "signet"))),
    load: issuing(),
  });
  const seconds = Math.max(LEAST_SECONDS, bench.options.seconds);
  const { bench: beside, kept: costs } = beforeRounds(bench, () => measureCosts(bench.folder));
  const rows = await measureCalls(beside, contestants, { isLoaded: false, rate: RATE, seconds });
  yield {
    data: { rows, costs },
    text: `IssueToken at ${RATE} calls/s\n${formatCalls(rows, "limit-young")}\n\n${formatCosts(costs)}`,
    goals: goalsOf(rows, costs),
  };
}

function formatCosts(costs: readonly Costs[]): string {
  const line = (name: string, step: keyof Costs) => [
    name,
    ...(["p50", "p99"] as const).map((quantile) => median(costs.map((each) => each[step][quantile])).toFixed(3)),
  ];
  const heading = ["on this machine", "p50 ms", "p99 ms"];
  return alignColumns([heading, line("one fdatasync of 300 bytes", "sync"), line("one hop between threads", "hop")]);
}

function goalsOf(rows: readonly Row[], costs: readonly Costs[]): Goal[] {
  const times = (name: string, quantile: "p50" | "p99") =>
    rowOf(rows, name).samples.map(({ latency }) => latency?.[quantile] ?? Number.NaN);
  const p50Bars = times("limit-young", "p50").map((p50, round) => p50 + (costs[round]?.sync.p50 ?? 0) + MARGIN_MS);
  const p50 = times("signet", "p50");
  const p99 = times("signet", "p99");
  return [
    {
      what: `p50 at ${RATE}/s, of limit-young + one fdatasync + ${MARGIN_MS} ms`,
      bar: { atMost: 1 },
      measured: ratios(p50, p50Bars),
      note: `${median(p50).toFixed(2)} of ${median(p50Bars).toFixed(2)} ms`,
    },
    {
      what: `p99 at ${RATE}/s, of limit-young's`,
      bar: { atMost: 2 },
      measured: ratios(p99, times("limit-young", "p99")),
      note: `${median(p99).toFixed(2)} ms`,
    },
  ];
}
