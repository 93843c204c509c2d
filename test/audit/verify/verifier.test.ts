import { createHash } from "node:crypto";
import test, { type ExecutionContext } from "ava";
import { linesOf, readBatch } from "../../../src/audit/verify/batch.ts";
import { type Entry, parseLine, readEntry } from "../../../src/audit/verify/entry.ts";
import { endsOf, knownEndsText, parseKnownEnds } from "../../../src/audit/verify/known-ends.ts";
import { type KnownEnds, MAX_FAULTS, type Verdict, Verifier, VerifyError } from "../../../src/audit/verify/verifier.ts";
import { createLogSigner } from "../../support/audit/log-signer.ts";
import { HANGS_MS } from "../../support/bounded.ts";
import { bodiesOf, issued, makeSpool } from "../../support/files/spool-fixture.ts";
import { tempFolder } from "../../support/files/temp.ts";
import { altered, faultTexts, verdictOf } from "./verdict-of.ts";

/** Three events in epoch 1, none in epoch 2, and three in epoch 3: as a writer stores them. */
function honestLog(t: ExecutionContext): Promise<readonly string[]> {
  written ??= writeLog(t);
  return written;
}

let written: Promise<readonly string[]> | undefined;

async function writeLog(t: ExecutionContext): Promise<readonly string[]> {
  const folder = await tempFolder(t);
  for (const numbers of [[1, 2, 3], []]) {
    const spool = await makeSpool(t, { folder });
    for (const number of numbers) await spool.append(issued(number), 0);
    await spool.close();
  }
  const spool = await makeSpool(t, { folder });
  for (const number of [4, 5, 6]) await spool.append(issued(number), 0);
  return (await bodiesOf(spool)).map(String);
}

function faultsOf(...log: Parameters<typeof verdictOf>): string[] {
  return faultTexts(verdictOf(...log));
}

function knownOf(verdict: Verdict): KnownEnds {
  const known = parseKnownEnds(knownEndsText(endsOf(verdict)));
  if (known === undefined) throw new Error("the state can't be read again");
  return known;
}

const idOf = (body = "") => JSON.parse(body).eventId;
const hashOf = (body = "") => createHash("sha256").update(body).digest("base64");

test("a whole log is proven to its last event, also over an epoch that has no event", async (t) => {
  const bodies = await honestLog(t);
  t.deepEqual(
    bodies.map((body) => JSON.parse(body).epoch),
    ["1", "1", "1", "3", "3", "3"],
  );
  const { proven, writers, faults } = verdictOf(bodies);
  t.true(proven);
  t.deepEqual(faults, []);
  const [writer, ...others] = writers;
  t.deepEqual(others, []);
  t.like(writer, { writer: "writer-1", events: 6, duplicates: 0, whole: true, first: { epoch: 1, seq: 1 } });
  t.like(writer?.provenTo, { epoch: 3, seq: 3 });
  t.is(writer?.provenTo?.hash, hashOf(bodies[5]));
});

test("the order of arrival and repeated events are no fault", async (t) => {
  const bodies = await honestLog(t);
  t.deepEqual(faultsOf(bodies.toReversed()), ["proven"]);
  t.deepEqual(faultsOf([...bodies.slice(2), ...bodies]), ["proven"]);
  t.is(verdictOf([...bodies.slice(2), ...bodies]).writers[0]?.duplicates, 4);
});

test("two writers have a chain each", async (t) => {
  const bodies = await honestLog(t);
  const [first = ""] = bodies;
  const { proven, writers } = verdictOf([...bodies, altered(first, { writer: "writer-0" })]);
  t.true(proven);
  t.deepEqual(
    writers.map(({ writer, events }) => [writer, events]),
    [
      ["writer-0", 1],
      ["writer-1", 6],
    ],
  );
});

/** What was done to the six lines of an honest log, and the faults that show it. */
const TAMPERED: Readonly<
  Record<string, readonly [(bodies: readonly string[]) => readonly string[], readonly string[], provenTo: string]>
> = {
  "an event removed": [(bodies) => bodies.toSpliced(1, 1), ["GAP 1/3 2"], "1/1"],
  "the last event of an epoch removed": [(bodies) => bodies.toSpliced(2, 1), ["BROKEN_LINK 3/1 3"], "1/1"],
  "the first event of an epoch removed": [(bodies) => bodies.toSpliced(3, 1), ["GAP 3/2 4"], "1/3"],
  "the beginning removed": [(bodies) => bodies.slice(1), ["NO_BEGINNING 1/2 1"], "3/3"],
  "one byte altered": [
    (bodies) => bodies.map((body, at) => (at === 4 ? body.replace("token-5", "token-9") : body)),
    ["BROKEN_LINK 3/3 6"],
    "3/1",
  ],
  "the link of an event altered": [
    (bodies) => bodies.map((body, at) => (at === 1 ? altered(body, { prevHash: hashOf("other") }) : body)),
    ["BROKEN_LINK 1/2 2", "BROKEN_LINK 1/3 3"],
    "nothing",
  ],
  "an event inserted, and those behind it renumbered": [
    (bodies) => [
      ...bodies.slice(0, 1),
      altered(bodies[1], { eventId: "inserted" }),
      ...bodies.slice(1, 3).map((body, at) => altered(body, { seq: String(at + 3) })),
      ...bodies.slice(3),
    ],
    ["BROKEN_LINK 1/3 3", "BROKEN_LINK 1/4 4", "BROKEN_LINK 3/1 5"],
    "1/1",
  ],
  "an event inserted at a place that is taken": [
    (bodies) => [...bodies, altered(bodies[1], { eventId: "inserted" })],
    ["FORK 1/2 7"],
    "1/1",
  ],
  "two events exchanged": [
    (bodies) => [
      ...bodies.slice(0, 3),
      altered(bodies[4], { seq: "1" }),
      altered(bodies[3], { seq: "2" }),
      ...bodies.slice(5),
    ],
    ["BROKEN_LINK 3/1 4", "BROKEN_LINK 3/2 5", "BROKEN_LINK 3/3 6"],
    "1/2",
  ],
  "a line that is no event": [(bodies) => bodies.toSpliced(3, 0, "{}"), ["UNREADABLE 4"], "3/3"],
  "an empty line": [(bodies) => bodies.toSpliced(3, 0, ""), ["UNREADABLE 4"], "3/3"],
  "nothing left": [() => [], ["EMPTY"], "nothing"],
};

for (const [what, [tamper, found, provenTo]] of Object.entries(TAMPERED))
  test(`${what}: the fault has its place, and all before it is proven`, async (t) => {
    const bodies = await honestLog(t);
    t.deepEqual(faultsOf(bodies), ["proven"], "control");
    const tampered = tamper(bodies);
    t.deepEqual(faultsOf(tampered), [...found]);
    const end = verdictOf(tampered).writers[0]?.provenTo;
    t.is(end === undefined ? "nothing" : `${end.epoch}/${end.seq}`, provenTo);
  });

test("a fault names the event, and the other one that it concerns", async (t) => {
  const bodies = await honestLog(t);
  const [fork] = verdictOf([...bodies, altered(bodies[1], { eventId: "inserted" })]).faults;
  t.like(fork, { writer: "writer-1", eventId: "inserted", at: 7, otherAt: 2 });
  const [gap] = verdictOf(bodies.toSpliced(1, 1)).faults;
  t.like(gap, { eventId: idOf(bodies[2]), message: "event seq 2 is missing before it" });
  const [link] = verdictOf(bodies.map((body, at) => (at === 0 ? body.replace("token-1", "token-9") : body))).faults;
  t.like(link, { eventId: idOf(bodies[1]), at: 2, otherAt: 1 });
});

test("a second history from one place on is a fork at each of its places, whichever was read first", async (t) => {
  const bodies = await honestLog(t);
  const other = altered(bodies[1], { eventId: "other-2" });
  const history = [other, altered(bodies[2], { eventId: "other-3", prevHash: hashOf(other) })];
  t.deepEqual(faultsOf([...bodies, ...history]), ["FORK 1/2 7", "FORK 1/3 8"]);
  t.deepEqual(faultsOf([...history, ...bodies]), ["FORK 1/2 4", "FORK 1/3 5"]);
});

test("a log that begins in the middle is proven from there, if it may", async (t) => {
  const bodies = await honestLog(t);
  const { proven, writers } = verdictOf(bodies.slice(4), { partial: true });
  t.true(proven);
  t.like(writers[0], { whole: false, first: { epoch: 3, seq: 2 } });
  t.deepEqual(faultsOf(bodies.slice(1).toSpliced(1, 1), { partial: true }), ["BROKEN_LINK 3/1 2"]);
});

test("with what an earlier run saw, a log that goes on is proven, also without its beginning", async (t) => {
  const bodies = await honestLog(t);
  for (const seen of [1, 3, 4, 6]) {
    const known = knownOf(verdictOf(bodies.slice(0, seen)));
    t.deepEqual(faultsOf(bodies, { known }), ["proven"], `${seen} seen`);
    if (seen < 6) t.deepEqual(faultsOf(bodies.slice(seen), { known }), ["proven"], `only what follows ${seen}`);
    t.deepEqual(faultsOf(bodies.slice(seen - 1), { known }), ["proven"], `from ${seen} on`);
  }
  const known = knownOf(verdictOf(bodies.slice(0, 3)));
  t.deepEqual(faultsOf(bodies.slice(4), { known }), ["GAP 3/2 1"]);
});

test("with what an earlier run saw, a log that was cut or restored is older", async (t) => {
  const bodies = await honestLog(t);
  const known = knownOf(verdictOf(bodies));
  for (const left of [5, 3, 1]) {
    t.deepEqual(faultsOf(bodies.slice(0, left), { known }), ["OLDER 3/3"]);
    t.deepEqual(faultsOf(bodies.slice(0, left)), ["proven"], "control: by itself it is whole");
  }
  t.deepEqual(faultsOf([], { known }), ["OLDER 3/3"]);
  t.deepEqual(faultsOf([altered(bodies[0], { writer: "writer-0" })], { known }), ["OLDER 3/3"]);
});

test("with what an earlier run saw, another history is found, be it as long or longer", async (t) => {
  const bodies = await honestLog(t);
  const known = knownOf(verdictOf(bodies.slice(0, 5)));
  const other = altered(bodies[4], { eventId: "other" });
  const longer = altered(bodies[5], { eventId: "longer", prevHash: hashOf(other) });
  for (const more of [[other], [other, longer]]) {
    const log = [...bodies.slice(0, 4), ...more];
    t.deepEqual(faultsOf(log, { known }), ["OTHER_HISTORY 3/2 5"]);
    t.deepEqual(faultsOf(log), ["proven"], "control: by itself it is whole");
  }
  const skipping = altered(bodies[4], { epoch: "4", seq: "1", prevHash: hashOf(bodies[3]) });
  const found = faultsOf([...bodies.slice(0, 4), skipping], { known });
  t.true(found.includes("OTHER_HISTORY 3/2"), found.join());
});

test("a checkpoint is no event, and what its line holds must be one", async (t) => {
  const bodies = await honestLog(t);
  const note = createLogSigner("writer-1").checkpoint([]);
  t.deepEqual(faultsOf([...bodies, JSON.stringify({ checkpoint: note })]), ["proven"]);
  t.deepEqual(faultsOf([...bodies, JSON.stringify({ checkpoint: "none" })]), ["UNREADABLE 7"]);
});

test("the state of a run can be read again, and nothing else can", (t) => {
  const others = [
    '{"format":2,"writers":{}}',
    '{"format":1,"writers":[]}',
    '{"format":1,"writers":{"w":{"epoch":1,"seq":1}}}',
  ];
  for (const text of ["", "{}", "[]", ...others]) t.is(parseKnownEnds(text), undefined, text);
  const hash = Buffer.alloc(32, 7).toString("base64");
  t.is(parseKnownEnds(JSON.stringify({ format: 1, writers: { w: { epoch: 0, seq: 1, hash } } })), undefined);
  t.is(parseKnownEnds(JSON.stringify({ format: 1, writers: { "": { epoch: 1, seq: 1, hash } } })), undefined);
  t.is(parseKnownEnds(JSON.stringify({ format: 1, writers: { w: { epoch: 1, seq: 2, hash } } }))?.get("w")?.seq, 2);
});

const read = (members: object) => {
  const body = Buffer.from(JSON.stringify(members));
  return readEntry(body, parseLine(body) ?? {});
};

const BODY = { eventId: "1", time: "2026-11-22T12:00:00Z", writer: "w", epoch: "1", seq: "1" };

for (const [what, members] of Object.entries({
  "without an id": { eventId: undefined },
  "with an id that is no text": { eventId: 1 },
  "without a writer": { writer: undefined },
  "with a writer on two lines": { writer: "a\nb" },
  "with an epoch that is a number": { epoch: 1 },
  "of epoch 0": { epoch: "0" },
  "with a seq that no number holds": { seq: "9007199254740993" },
  "with a link that is no text": { prevHash: 1 },
}))
  test(`a body ${what} is no event`, (t) => {
    t.is(read(BODY)?.eventId, "1", "control");
    t.is(read({ ...BODY, ...members }), undefined);
  });

test("a line that is not UTF-8 is no event, and the others are", (t) => {
  const line = Buffer.from(`${JSON.stringify(BODY)}\n`);
  const broken = Buffer.from(line);
  broken[line.indexOf("w")] = 0xff;
  const entries = [...linesOf(readBatch(Buffer.concat([line, broken, line])))];
  t.deepEqual(
    entries.map((entry) => (typeof entry === "object" ? entry.eventId : entry)),
    ["1", undefined, "1"],
  );
});

test("JSON on several lines, or of no object, is no event", (t) => {
  t.truthy(parseLine(Buffer.from(JSON.stringify(BODY))), "control");
  for (const text of [JSON.stringify(BODY, null, 1), "1", "null", "{"]) t.is(parseLine(Buffer.from(text)), undefined);
});

test("of very many faults the first are kept, and all are counted", (t) => {
  const verifier = new Verifier();
  for (let at = 1; at <= MAX_FAULTS + 5; at++) verifier.add(undefined, at);
  const { faults, counts } = verifier.judge();
  t.is(faults.length, MAX_FAULTS);
  t.is(counts.UNREADABLE, MAX_FAULTS + 5);
});

test("events of which none follows another are refused before they take all memory, whoever wrote them", (t) => {
  const verifier = new Verifier();
  const hash = hashOf("other");
  const error = t.throws(
    () => {
      for (let seq = 2; seq <= 120_000; seq += 2)
        for (const writer of ["v", "w"])
          verifier.add({ eventId: "1", writer, epoch: 1, seq, hash, prevHash: hash, leaf: undefined }, seq);
    },
    { instanceOf: VerifyError },
  );
  t.is(error?.code, "NO_CHAIN");
});

// Each takes a second, and would take hours if an event were compared with all others.
const HOSTILE: readonly (readonly [string, () => Iterable<Partial<Entry>>])[] = [
  [
    "events with gaps between them, each with a log index that no other one explains",
    function* () {
      for (let n = 0; n < 90_000; n++)
        yield { seq: 2 * n + 1, leaf: { index: 9 * n, hash: "", tally: "", statement: undefined } };
    },
  ],
  [
    "events that all close the log, and name their own writer as the one that follows",
    function* () {
      const statement = { kind: "closed", successor: "w" } as const;
      for (let n = 1; n <= 300_000; n++)
        yield { seq: n, prevHash: hashOf(`${n - 1}`), leaf: { index: n, hash: "", tally: "", statement } };
    },
  ],
  [
    "events that wait at one place, and rivals before it",
    function* () {
      yield { seq: 1 };
      for (let n = 2; n < 90_000; n++) yield { seq: 3, prevHash: hashOf(`other ${n}`) };
      for (let n = 0; n < 200_000; n++) yield { seq: 2, prevHash: hashOf("1") };
    },
  ],
];

for (const [what, events] of HOSTILE)
  test(`a hostile log is judged in one pass: ${what}`, (t) => {
    t.timeout(HANGS_MS);
    const verifier = new Verifier();
    let at = 0;
    for (const event of events()) {
      at += 1;
      const entry = { eventId: `${at}`, writer: "w", epoch: 1, seq: at, prevHash: "", leaf: undefined, ...event };
      verifier.add({ ...entry, hash: hashOf(`${at}`) }, at);
    }
    t.false(verifier.judge().proven);
  });
