import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { connect } from "nats";
import { startNats } from "../../servers/nats.ts";
import type { Server } from "../../servers/process.ts";
import { startSignet } from "../../servers/signet.ts";
import { cpuMicroseconds, residentMegabytes } from "../../servers/usage.ts";
import { median, ratios } from "../../statistics.ts";
import { alignColumns } from "../../text-table.ts";
import type { Bench, Measured } from "../table.ts";
import { type Clients, connectTo, Gateway } from "./gateway.ts";
import { inParallel } from "./in-parallel.ts";
import { openSessions, SESSIONS_A_GATEWAY } from "./open-sessions.ts";

/** Microseconds of CPU a call, by the name of the call. */
type CallCosts = Readonly<Record<string, number>>;

/** The cost of sessions that are open, and of the renewals that keep them open. */
interface Standing {
  readonly sessions: number;
  readonly gateways: number;
  /** Before the first session, and with all of them. */
  readonly residentMegabytes: readonly [number, number];
  /** Milliseconds of CPU in each second, and writes to the live store. */
  readonly cpuMsPerSecond: number;
  readonly writesPerSecond: number;
}

const CALLS = 4_000;
const RENEWALS = 1_000;
const AT_ONCE = 32;
const HELD = SESSIONS_A_GATEWAY;
const STANDING = 100_000;
/** As often as leases of 30 s are renewed. */
const RENEW_MS = 10_000;
const STANDING_SECONDS = 30;
const LIVE_STREAM = "KV_signet-live";

/** The standing sessions have a service of their own: those of the calls would lapse, and be swept, beside them. */
export async function* measureSessions(bench: Bench): AsyncGenerator<Measured> {
  const calls = await withService(join(bench.folder, "calls"), ({ server, clients }) =>
    measureCalls(bench, server, clients),
  );
  yield { data: { calls }, text: `sessions over NATS, profile euler-stream\n${formatCalls(calls)}` };
  const standing = await withService(join(bench.folder, "standing"), measureStanding);
  yield { data: { standing }, text: formatStanding(standing) };
}

/** A service that shares its state over NATS. */
interface Shared {
  readonly nats: Server;
  readonly server: Server;
  readonly clients: Clients;
}

async function withService<Result>(folder: string, measure: (shared: Shared) => Promise<Result>): Promise<Result> {
  await using nats = await startNats(join(folder, "nats"));
  await using server = await startSignet(nats, join(folder, "signet"), { shared: true });
  const clients = connectTo(server.address);
  return await measure({ nats, server, clients }).finally(clients.close);
}

/** Measures in the order of the rounds, so that a disturbance of the machine affects neighbouring calls alike. */
async function measureCalls(bench: Bench, server: Server, clients: Clients): Promise<readonly CallCosts[]> {
  const empty = Array.from({ length: AT_ONCE }, () => new Gateway(clients));
  // Renewals of one gateway follow each other: each is a write of the same entry.
  const renewEmpty = (times: number) =>
    inParallel(AT_ONCE, AT_ONCE, async (index) => {
      for (let time = 0; time < times; time += 1) await empty[index]?.renew();
    });
  await renewEmpty(1);
  const full = await openSessions(clients, HELD);
  const renewFull = () => full.renewAll();
  return await bench.rounds(async (round) => {
    const calls: Record<string, number> = {};
    const opening = new Gateway(clients);
    await opening.renew();
    const tokens = await clients.tokens(CALLS);
    const each = (call: (token: string) => Promise<unknown>) => () =>
      inParallel(CALLS, AT_ONCE, (index) => call(tokens[index] ?? ""));
    const steps: [name: string, count: number, run: () => Promise<unknown>][] = [
      ["a call that verifies nothing", CALLS, each(() => clients.verify("not a token"))],
      ["VerifyToken", CALLS, each((token) => clients.verify(token))],
      ["VerifyToken again", CALLS, each((token) => clients.verify(token))],
      ["OpenSession", CALLS, each((token) => opening.open(token))],
      ["RenewSessions of no session", CALLS, () => renewEmpty(CALLS / AT_ONCE)],
      [`RenewSessions of ${HELD} sessions`, RENEWALS, () => inParallel(RENEWALS, 1, renewFull)],
    ];
    for (let turn = 0; turn < steps.length; turn += 1) {
      const [name, count, run] = steps[(turn + round) % steps.length] ?? ["", 0, () => Promise.resolve()];
      const cpu = cpuMicroseconds(server.pid);
      await run();
      // The events of what was opened are forwarded after the answers.
      await delay(500);
      calls[name] = (cpuMicroseconds(server.pid) - cpu) / count;
    }
    await renewEmpty(1);
    await renewFull();
    return calls;
  });
}

async function measureStanding({ server, nats, clients }: Shared): Promise<Standing> {
  const before = residentMegabytes(server.pid);
  const { gateways, renewAll } = await openSessions(clients, STANDING);
  await delay(5_000);
  const [cpu, writes] = [cpuMicroseconds(server.pid), await writesTo(nats)];
  for (let second = 0; second < STANDING_SECONDS; second += RENEW_MS / 1000) {
    await renewAll();
    await delay(RENEW_MS);
  }
  return {
    sessions: STANDING,
    gateways,
    residentMegabytes: [before, residentMegabytes(server.pid)],
    cpuMsPerSecond: (cpuMicroseconds(server.pid) - cpu) / 1000 / STANDING_SECONDS,
    writesPerSecond: ((await writesTo(nats)) - writes) / STANDING_SECONDS,
  };
}

/** How many messages the stream of the live store has had. */
async function writesTo(nats: Server): Promise<number> {
  const connection = await connect({ servers: nats.address });
  try {
    return (await (await connection.jetstreamManager()).streams.info(LIVE_STREAM)).state.last_seq;
  } finally {
    await connection.close();
  }
}

function formatCalls(rounds: readonly CallCosts[]): string {
  const values = (name: string) => rounds.map((calls) => calls[name] ?? Number.NaN);
  const rows = Object.keys(rounds[0] ?? {})
    .toSorted()
    .map((name) => [
      name,
      median(values(name)).toFixed(1),
      median(ratios(values(name), values("VerifyToken"))).toFixed(2),
    ]);
  return alignColumns([["", "CPU us a call", "of VerifyToken"], ...rows]);
}

function formatStanding(standing: Standing): string {
  const { sessions, gateways, residentMegabytes: resident, cpuMsPerSecond, writesPerSecond } = standing;
  return (
    `${sessions} sessions of ${gateways} gateways, renewed every ${RENEW_MS / 1000} s: ` +
    `RSS ${resident.map((megabytes) => megabytes.toFixed(0)).join(" -> ")} MB, ` +
    `CPU ${cpuMsPerSecond.toFixed(1)} ms/s, ${writesPerSecond.toFixed(1)} writes/s`
  );
}
