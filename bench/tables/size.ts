import { join } from "node:path";
import { fillBucket } from "../../test/support/service/many-revocations.ts";
import { verifying } from "../client/loads.ts";
import type { Size } from "../options.ts";
import { startNats } from "../servers/nats.ts";
import type { Server } from "../servers/process.ts";
import { startSignet } from "../servers/signet.ts";
import { residentMegabytes } from "../servers/usage.ts";
import { ratios } from "../statistics.ts";
import { alignColumns } from "../text-table.ts";
import { cpuOf, formatCalls, measureCalls, rowOf } from "./calls.ts";
import { rotateOften } from "./rotations.ts";
import { connectTo } from "./sessions/gateway.ts";
import { openSessions } from "./sessions/open-sessions.ts";
import { type Bench, beforeRounds, type Measured } from "./table.ts";

/** A verification takes as long in a large installation as in a new one, but for what cannot be told from noise. */
const MOST_CPU = 1.05;

/** How long a start took until the service could issue, in seconds, and its megabytes of memory then. */
interface Start {
  readonly seconds: number;
  readonly resident: number;
}

/** A service with much state, beside one with none. */
export async function* measureSize(bench: Bench): AsyncGenerator<Measured> {
  const { size } = bench.options;
  await using ends = new AsyncDisposableStack();
  const empty = await createPlace(ends, join(bench.folder, "empty"));
  const full = await createPlace(ends, join(bench.folder, "full"));
  await rotateOften(full.nats, join(full.folder, "data"), size.rotations);
  await fillBucket(full.nats.address, size.revocations);
  const withoutCopy = await startsOf(empty, full);
  yield await measureVerifying(bench, empty, full);
  const starts = { "reads all from NATS": withoutCopy, "has its copy of it": await startsOf(empty, full) };
  yield { data: { starts }, text: formatStarts(starts) };
}

async function measureVerifying(bench: Bench, empty: Place, full: Place): Promise<Measured> {
  const { size, seconds } = bench.options;
  await using emptyServer = await startAt(empty);
  await using fullServer = await startAt(full);
  const clients = connectTo(fullServer.address);
  const { renewAll } = await openSessions(clients, size.sessions);
  const contestants = [
    { name: "empty", server: emptyServer, load: verifying(), nats: empty.nats },
    { name: "full", server: fullServer, load: verifying(), nats: full.nats },
  ];
  const renewing = beforeRounds(bench, renewAll).bench;
  const rows = await measureCalls(renewing, contestants, { isLoaded: true, seconds });
  clients.close();
  return {
    data: { rows },
    text: `VerifyToken beside ${textOf(size)}\n${formatCalls(rows, "empty")}`,
    goals: [
      {
        what: `VerifyToken beside ${textOf(size)}, CPU of the same without`,
        bar: { atMost: MOST_CPU },
        measured: ratios(cpuOf(rowOf(rows, "full")), cpuOf(rowOf(rows, "empty"))),
      },
    ],
  };
}

interface Place {
  readonly nats: Server;
  readonly folder: string;
}

async function createPlace(ends: AsyncDisposableStack, folder: string): Promise<Place> {
  return { nats: ends.use(await startNats(join(folder, "nats"))), folder };
}

const startAt = ({ nats, folder }: Place): Promise<Server> => startSignet(nats, folder, { shared: true });

async function startsOf(empty: Place, full: Place): Promise<readonly [empty: Start, full: Start]> {
  return [await measureStart(empty), await measureStart(full)];
}

/** Starts the service and stops it again, which saves its copy of the shared state. */
async function measureStart(place: Place): Promise<Start> {
  const begin = performance.now();
  await using server = await startAt(place);
  return { seconds: (performance.now() - begin) / 1000, resident: residentMegabytes(server.pid) };
}

function formatStarts(starts: Readonly<Record<string, readonly [empty: Start, full: Start]>>): string {
  const rows = Object.entries(starts).map(([name, places]) => [
    name,
    ...places.flatMap(({ seconds, resident }) => [seconds.toFixed(1), resident.toFixed(0)]),
  ]);
  return alignColumns([["a start that", "empty s", "RSS MB", "full s", "RSS MB"], ...rows]);
}

function textOf({ revocations, sessions, rotations }: Size): string {
  return `${revocations} revocations, ${sessions} sessions and ${rotations} rotations`;
}
