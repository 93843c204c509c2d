import test from "ava";
import { type LogPolicy, parsePolicy } from "../../../src/audit/checkpoint/policy.ts";
import { entriesOf, LogError, LogSearch } from "../../../src/audit/tiles/written-log.ts";
import { createLogWriter } from "../../support/audit/log-writer.ts";

const LOG = createLogWriter("w");
for (let number = 0; number < 8; number++) LOG.append();

function found(bodies: readonly string[] = LOG.bodies) {
  const search = new LogSearch("w");
  for (const body of bodies) search.addEvent(Buffer.from(body));
  search.addCheckpoint(LOG.checkpointAt());
  return search.found();
}

async function entries(bodies: readonly string[], maxWaiting?: number): Promise<string[]> {
  const read: string[] = [];
  const all = bodies.map((body) => Buffer.from(body));
  for await (const entry of entriesOf(found(), asyncOf(all), maxWaiting)) read.push(Buffer.from(entry).toString());
  return read;
}

async function* asyncOf(bodies: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* bodies;
}

test("the entries come in their order, each once, while few have to wait", async (t) => {
  t.deepEqual(await entries([...LOG.bodies.toReversed(), ...LOG.bodies]), [...LOG.bodies]);
  const late = [...LOG.bodies.slice(1), ...LOG.bodies.slice(0, 1)];
  t.deepEqual(await entries(late, 7), [...LOG.bodies]);
  await t.throwsAsync(entries(late, 6), { code: "NO_ORDER" });
});

test("of all checkpoints of the largest size, that of the log is found among those of other trees", (t) => {
  const search = new LogSearch("w");
  for (const body of LOG.bodies) search.addEvent(Buffer.from(body));
  const others = (size: number) =>
    Array.from({ length: 20 }, (_, other) =>
      LOG.checkpoint(Array.from({ length: size }, (_, leaf) => `${other}-${leaf}`)),
    );
  for (const note of [...others(3), LOG.checkpointAt(5), ...others(8), LOG.checkpointAt(8), ...others(8), ...others(7)])
    search.addCheckpoint(note);
  t.is(search.found().checkpoint.note, LOG.checkpointAt(8));
  const short = new LogSearch("w");
  short.addCheckpoint(LOG.checkpointAt(1));
  t.throws(() => short.found(), { code: "INCOMPLETE", message: /covers 1 event, and/ });
  for (const note of others(9)) search.addCheckpoint(note);
  t.throws(() => search.found(), { code: "INCOMPLETE", message: /covers 9 events/ });
});

test("an event that left the log between the two readings is named", async (t) => {
  await t.throwsAsync(entries(LOG.bodies.toSpliced(4, 1)), { code: "INCOMPLETE", message: /log index 4 is missing/ });
  t.throws(() => found(LOG.bodies.toSpliced(4, 1)), { code: "INCOMPLETE", message: /log index 4 is missing/ });
});

test("of a gap behind the first event it is said that the log itself may have it", (t) => {
  const gap = (index: number) => t.throws(() => found(LOG.bodies.toSpliced(index, 1)))?.message ?? "";
  t.regex(gap(1), /the archive too, or see what signet audit verify says$/);
  t.regex(gap(0), /the archive too$/, "control");
});

test("without a checkpoint that counts, the reason says whether one may come", (t) => {
  const policy = (writer: string) => parsePolicy(`${createLogWriter(writer).policyLine}quorum none\n`);
  const reason = (bodies: readonly string[], known?: LogPolicy, writer = "w") => {
    const search = new LogSearch(writer, known);
    for (const body of bodies) search.addEvent(Buffer.from(body));
    return t.throws(() => search.found(), { instanceOf: LogError })?.code;
  };
  t.is(reason(LOG.bodies), "PENDING");
  t.is(reason(LOG.bodies, policy("w")), "PENDING");
  t.is(reason(LOG.bodies, policy("v")), "UNKNOWN_LOG");
  t.is(reason(LOG.bodies, undefined, "x"), "NOT_FOUND");
  t.is(reason(["\u0001random", "{}"]), "NOT_FOUND");
  t.is(reason(LOG.bodies.slice(1)), "INCOMPLETE");
});
