import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { freePort } from "../../test/support/service/free-port.ts";
import { issuing } from "../client/loads.ts";
import { runClosedLoop } from "../client/run.ts";
import { startNats } from "../servers/nats.ts";
import { startSignet } from "../servers/signet.ts";
import { median } from "../statistics.ts";
import { alignColumns } from "../text-table.ts";
import { jobFor } from "./calls.ts";
import type { Bench, Measured } from "./table.ts";

const SECONDS = 60;
const WARM_UP_SECONDS = 2;

/** What NATS had not acknowledged while tokens were issued as fast as possible. */
interface Backlog {
  readonly perSecond: number;
  /** Events, one sample a second. */
  readonly events: readonly number[];
}

/** Issues tokens for a minute as fast as the service answers, and reads each second how many events wait for NATS. */
export async function* measureBacklog(bench: Bench): AsyncGenerator<Measured> {
  await using nats = await startNats(join(bench.folder, "nats"));
  const http = `127.0.0.1:${await freePort()}`;
  await using server = await startSignet(nats, join(bench.folder, "signet"), { http });
  const signet = { name: "signet", server, load: issuing() };
  await runClosedLoop(await jobFor(signet, bench.folder, WARM_UP_SECONDS));
  const rounds = await bench.rounds(async (): Promise<Backlog> => {
    const events: number[] = [];
    const ended = new AbortController();
    const watched = watch(http, events, ended.signal);
    const { calls, seconds } = await runClosedLoop(await jobFor(signet, bench.folder, SECONDS));
    ended.abort();
    await watched;
    return { perSecond: calls / seconds, events };
  });
  yield {
    data: rounds,
    text: `events that wait for NATS during ${SECONDS} s of IssueToken at full load\n${formatBacklog(rounds)}`,
    goals: [
      {
        what: "audit: growth of the unforwarded events over a minute, of the tokens",
        bar: { atMost: 0.01 },
        measured: rounds.map(growthOf),
      },
    ],
  };
}

async function watch(http: string, events: number[], signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const metrics = await (await fetch(`http://${http}/metrics`)).text();
    events.push(Number(/^signet_audit_spool_events (\d+)$/m.exec(metrics)?.[1]));
    await delay(1000, undefined, { signal }).catch(() => undefined);
  }
}

/** The medians of three parts of the minute: a single sample depends on the moment. */
function thirdsOf({ events }: Backlog): number[] {
  const third = Math.floor(events.length / 3);
  return [0, 1, 2].map((part) => median(events.slice(part * third, (part + 1) * third)));
}

/** Between the first and the last third, of the tokens issued meanwhile. */
function growthOf(backlog: Backlog): number {
  const [first = Number.NaN, , last = Number.NaN] = thirdsOf(backlog);
  return (last - first) / ((2 / 3) * SECONDS * backlog.perSecond);
}

function formatBacklog(rounds: readonly Backlog[]): string {
  const rows = rounds.map((backlog, round) => {
    const { perSecond, events } = backlog;
    const cells = [perSecond, ...thirdsOf(backlog), Math.max(...events)];
    return [`round ${round + 1}`, ...cells.map((cell) => cell.toFixed(0))];
  });
  return alignColumns([["", "tokens/s", "1st third", "2nd third", "3rd third", "most"], ...rows]);
}
