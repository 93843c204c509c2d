import { createHash } from "node:crypto";
import test from "ava";
import { parsePolicy } from "../../../src/audit/checkpoint/policy.ts";
import { checkpointLine } from "../../../src/audit/stream-message.ts";
import { endsOf, knownEndsText, parseKnownEnds } from "../../../src/audit/verify/known-ends.ts";
import { MAX_FAULTS, type Verdict, type VerifierOptions } from "../../../src/audit/verify/verifier.ts";
import { createLogWriter, type LogWriter } from "../../support/audit/log-writer.ts";
import { altered, faultTexts, verdictOf as verdictUnder } from "./verdict-of.ts";

/** A log of ten events over two epochs, of which the second begins with the seventh. */
function tenEvents(writer = "w"): LogWriter {
  const log = createLogWriter(writer);
  for (let number = 1; number <= 10; number++) {
    if (number === 7) log.nextEpoch();
    log.append();
  }
  return log;
}

const W = tenEvents();
/** The lines of the log with checkpoints of 4, 8 and all events, where a writer publishes them. */
const LINES = [
  ...W.bodies.slice(0, 5),
  checkpointLine(W.checkpointAt(4)),
  ...W.bodies.slice(5, 9),
  checkpointLine(W.checkpointAt(8)),
  ...W.bodies.slice(9),
  checkpointLine(W.checkpointAt()),
];
const POLICY = parsePolicy(`${W.policyLine}quorum none\n`);

function verdictOf(lines: readonly string[], options: VerifierOptions = { policy: POLICY }): Verdict {
  return verdictUnder(lines, options);
}

function faultsOf(...log: Parameters<typeof verdictOf>): string[] {
  return faultTexts(verdictOf(...log));
}

const signedTo = (verdict: Verdict) => verdict.writers[0]?.log?.checkpoint?.size;

test("a log whose checkpoints agree is proven to the last of them by the key, and to its end by the chain", (t) => {
  const verdict = verdictOf([...LINES.slice(0, -1)]);
  t.true(verdict.proven);
  t.true(verdict.signaturesChecked);
  t.deepEqual(verdict.writers[0]?.log?.checkpoint, {
    origin: "signet.example/audit/w",
    size: 8,
    place: { epoch: 2, seq: 2 },
  });
  t.like(verdict.writers[0]?.provenTo, { epoch: 2, seq: 4 });
});

test("the order of arrival, repeated events and repeated checkpoints are no fault", (t) => {
  t.deepEqual(faultsOf(LINES.toReversed()), ["proven"]);
  t.deepEqual(faultsOf([...LINES, ...LINES]), ["proven"]);
});

test("without a policy all but signatures is checked, and the verdict says so", (t) => {
  const verdict = verdictOf(LINES, {});
  t.true(verdict.proven);
  t.false(verdict.signaturesChecked);
  t.is(signedTo(verdict), 10);
  const foreign = createLogWriter("w").checkpoint(W.bodies);
  t.deepEqual(faultsOf([...LINES, checkpointLine(foreign)], {}), ["proven"]);
});

test("a checkpoint of a log that the policy does not name, or of another key, is a fault and proves nothing", (t) => {
  const unknown = createLogWriter("v");
  unknown.append();
  const lines = [...W.bodies, ...unknown.bodies, checkpointLine(unknown.checkpointAt())];
  t.deepEqual(faultsOf(lines), ["UNKNOWN_LOG 12", "UNKNOWN_LOG 1/1 11"]);
  const forged = checkpointLine(createLogWriter("w").checkpoint(W.bodies));
  const verdict = verdictOf([...W.bodies, forged]);
  t.deepEqual(
    verdict.faults.map(({ code, writer, at }) => [code, writer, at]),
    [["BAD_SIGNATURE", "w", 11]],
  );
  t.is(signedTo(verdict), undefined);
});

/** What was done to a log of ten events with three checkpoints, the faults that show it, and what is signed still. */
const TAMPERED: Readonly<
  Record<string, readonly [(lines: readonly string[]) => readonly string[], faults: readonly string[], signed?: number]>
> = {
  "the last event altered, to which none links": [
    (lines) => lines.with(11, altered(W.bodies[9], { eventId: "other" })),
    ["CHECKPOINT_MISMATCH 2/3 13"],
    8,
  ],
  "an event altered": [
    (lines) => lines.with(7, altered(W.bodies[6], { eventId: "other" })),
    ["CHECKPOINT_MISMATCH 1/5 11", "BROKEN_LINK 2/2 9"],
    4,
  ],
  "an event removed": [(lines) => lines.toSpliced(1, 1), ["GAP 1/3 2"]],
  "the end cut off": [(lines) => [...lines.slice(0, 8), ...lines.slice(12)], ["CHECKPOINT_AHEAD 2/1 9"], 4],
  "all events removed": [(lines) => lines.slice(-1), ["CHECKPOINT_AHEAD 1", "EMPTY"]],
  "an event without a log index": [
    (lines) => lines.with(1, altered(W.bodies[1], { logIndex: undefined })),
    ["CHECKPOINT_MISMATCH 1/1 6", "LOG_INDEX 1/2 2", "BROKEN_LINK 1/3 3"],
  ],
  "a log index altered": [
    (lines) => lines.with(11, altered(W.bodies[9], { logIndex: "12" })),
    ["CHECKPOINT_MISMATCH 2/3 13", "LOG_INDEX 2/4 12"],
    8,
  ],
  "an inserted event, and a checkpoint that no key made": [
    (lines) => [...lines.slice(0, -1), altered(W.bodies[9], { eventId: "more", seq: "5", logIndex: "10" })],
    ["BROKEN_LINK 2/5 13"],
    8,
  ],
};

for (const [what, [tamper, found, signed]] of Object.entries(TAMPERED))
  test(`${what}: the fault has its place, and what the last good checkpoint covers is proven`, (t) => {
    t.deepEqual(faultsOf(LINES), ["proven"], "control");
    const tampered = tamper(LINES);
    t.deepEqual(faultsOf(tampered), [...found]);
    t.is(signedTo(verdictOf(tampered)), signed);
  });

test("a checkpoint of another history is a mismatch, from the last one that agrees", (t) => {
  const other = tenEvents();
  other.append();
  const own = createLogWriter("w");
  const history = [...W.bodies.slice(0, 9), altered(W.bodies[9], { eventId: "other" })];
  const lines = [...W.bodies, checkpointLine(W.checkpointAt(8)), checkpointLine(own.checkpoint(history))];
  const [fault, ...more] = verdictOf(lines, {}).faults;
  t.deepEqual(more, []);
  t.like(fault, { code: "CHECKPOINT_MISMATCH", at: 12, place: { epoch: 2, seq: 3 } });
  t.regex(fault?.message ?? "", /checkpoint of 10 events .* from epoch 2 seq 3 to epoch 2 seq 4 was altered/);
});

test("a checkpoint of one event is named in the singular", (t) => {
  const messageOf = (lines: readonly string[]) => verdictOf(lines, {}).faults[0]?.message ?? "";
  t.regex(messageOf([checkpointLine(W.checkpointAt(1))]), /^the checkpoint covers 1 event; /);
  t.regex(messageOf([...W.bodies, checkpointLine(W.checkpoint(["other"]))]), /^the checkpoint of 1 event was made /);
});

test("an epoch whose log indexes do not go on is a fault, though its links hold", (t) => {
  const log = createLogWriter("w");
  log.append();
  log.nextEpoch();
  const second = altered(log.append(), { logIndex: "5" });
  t.deepEqual(faultsOf([log.bodies[0] ?? "", second], {}), ["LOG_INDEX 2/1 2"]);
  t.deepEqual(faultsOf(log.bodies, {}), ["proven"], "control");
});

test("a writer of a version before logs is told as one, and proven by its chain", (t) => {
  const body = (seq: number, members = {}) =>
    JSON.stringify({ eventId: `${seq}`, writer: "old", epoch: "1", seq: `${seq}`, ...members });
  const verdict = verdictOf([body(1)], {});
  t.true(verdict.proven);
  t.is(verdict.writers[0]?.log, undefined);
});

test("with the state of an earlier run the tree goes on, also without the events before", (t) => {
  const seen = verdictOf(LINES.slice(0, 8));
  const known = parseKnownEnds(knownEndsText(endsOf(seen)));
  t.is(known?.get("w")?.edge?.size, 7);
  const options = { known: known ?? new Map(), policy: POLICY };
  const rest = LINES.slice(8);
  const verdict = verdictOf(rest, options);
  t.deepEqual(verdict.faults, []);
  t.is(signedTo(verdict), 10);
  const last = rest.length - 2;
  const tampered = rest.with(last, altered(W.bodies[9], { eventId: "other" }));
  t.deepEqual(faultsOf(tampered, options), [`CHECKPOINT_MISMATCH 2/3 ${rest.length}`]);
  t.deepEqual(faultsOf(LINES, options), ["proven"], "and so does the whole log");
});

/** A log of ten events that begins with a later epoch. */
function laterEpoch(): LogWriter {
  const log = createLogWriter("w");
  for (const _ of Array(3)) log.nextEpoch();
  for (let number = 1; number <= 10; number++) log.append();
  return log;
}

for (const [what, log] of [
  ["a log", W],
  ["a log that begins with a later epoch", laterEpoch()],
] as const)
  test(`the state after any event of ${what} is enough to prove what follows, and to find what was altered`, (t) => {
    const policy = parsePolicy(`${log.policyLine}quorum none\n`);
    const note = checkpointLine(log.checkpointAt());
    for (let size = 1; size < log.bodies.length; size++) {
      const seen = endsOf(verdictOf(log.bodies.slice(0, size), {}));
      const options = { known: parseKnownEnds(knownEndsText(seen)) ?? new Map(), policy };
      const rest = log.bodies.slice(size);
      for (const lines of [rest, log.bodies.slice(size - 1), log.bodies]) {
        const verdict = verdictOf([...lines, note], options);
        t.deepEqual([verdict.faults, signedTo(verdict), verdict.writers[0]?.uncovered], [[], 10, 0], `${size}`);
        t.deepEqual(endsOf(verdict), endsOf(verdictOf(log.bodies, {})), `${size}`);
      }
      const tampered = rest.with(-1, altered(log.bodies.at(-1), { eventId: "other" }));
      const { counts } = verdictOf([...tampered, note], options);
      t.deepEqual(counts, { CHECKPOINT_MISMATCH: 1 }, `${size}`);
    }
  });

test("in a part of a log without an earlier state, checkpoints are not compared, and the end is", (t) => {
  const part = LINES.slice(8);
  const verdict = verdictOf(part, { partial: true, policy: POLICY });
  t.true(verdict.proven);
  t.like(verdict.writers[0]?.log, { checkpoint: undefined, edge: undefined });
  t.deepEqual(faultsOf(part.toSpliced(3, 1), { partial: true, policy: POLICY }), ["CHECKPOINT_AHEAD 2/3 4"]);
});

test("a state whose tree is none is refused", (t) => {
  const state = JSON.parse(knownEndsText(endsOf(verdictOf(LINES))));
  t.truthy(parseKnownEnds(JSON.stringify(state)), "control");
  for (const log of [{}, { size: 10, roots: [] }, { size: 10, roots: ["x", "y"] }, { size: -1, roots: [] }]) {
    state.writers.w.log = log;
    t.is(parseKnownEnds(JSON.stringify(state)), undefined, JSON.stringify(log));
  }
});

/** The events of a writer that no policy names, as anybody who can publish can make them. */
function forged(members: object): readonly string[] {
  const log = createLogWriter("evil");
  const bodies: string[] = [];
  for (let number = 0; number < 5; number++) {
    const prevHash =
      bodies.at(-1) &&
      createHash("sha256")
        .update(bodies.at(-1) ?? "")
        .digest("base64");
    bodies.push(altered(log.append(), { prevHash, ...members }));
  }
  return bodies;
}

for (const [what, members, state] of [
  ["with log indexes", {}, "UNKNOWN_LOG 1/1 14"],
  ["as if of a version without logs", { logIndex: undefined }, "proven"],
] as const)
  test(`a writer that the policy does not name is unknown, ${what}`, (t) => {
    const lines = [...LINES, ...forged(members)];
    t.deepEqual(faultsOf(lines), ["UNKNOWN_LOG 1/1 14"]);
    t.deepEqual(faultsOf(lines, { policy: POLICY, partial: true }), ["UNKNOWN_LOG 1/1 14"]);
    t.is(verdictOf(lines).writers.find(({ writer }) => writer === "evil")?.provenTo, undefined);
    const seen = verdictOf(lines, {});
    t.true(seen.proven, "control: without a policy, chains are all there is");
    t.deepEqual(faultsOf(lines, { policy: POLICY, known: endsOf(seen) }), [state]);
  });

test("an archiver is told nothing of writers that the policy does not name: it looks after each event", (t) => {
  const lines = [...LINES, ...forged({ logIndex: undefined })];
  t.deepEqual(faultsOf(lines, { policy: POLICY, part: { accepted: new Set() } }), ["proven"]);
});

test("events without a log index are no log of a writer that has one: of all, or of one epoch", (t) => {
  const bare = [1, 2].map((epoch) =>
    JSON.stringify({ eventId: `${epoch}`, writer: "w", epoch: `${epoch}`, seq: "1", prevHash: "" }),
  );
  t.deepEqual(faultsOf(bare.slice(0, 1)), ["LOG_INDEX 1/1 1"]);
  t.deepEqual(faultsOf(bare.slice(0, 1), {}), ["proven"], "control: nobody knows that it has a log");
  const log = createLogWriter("w");
  log.append();
  log.nextEpoch();
  const second = log.append();
  t.deepEqual(faultsOf(log.bodies), ["proven"], "control");
  const [first = ""] = log.bodies;
  t.deepEqual(faultsOf([first, altered(second, { logIndex: undefined })], {}), ["LOG_INDEX 2/1 2"]);
});

test("events that no checkpoint proves are counted: those behind the last one, and all where none was compared", (t) => {
  const uncovered = (lines: readonly string[], options?: VerifierOptions) =>
    verdictOf(lines, options).writers.map((writer) => writer.uncovered);
  t.deepEqual(uncovered(LINES), [0]);
  t.deepEqual(uncovered(LINES.slice(0, -1)), [2]);
  t.deepEqual(uncovered(W.bodies), [10]);
  t.deepEqual(uncovered(LINES.slice(8), { policy: POLICY, partial: true }), [3]);
  const known = endsOf(verdictOf(LINES.slice(0, 8)));
  t.deepEqual(uncovered(LINES.slice(8, -1), { policy: POLICY, known }), [2]);
  t.deepEqual(uncovered(LINES.slice(0, -1), { policy: POLICY, known }), [2]);
});

test("the faults of writers that an archiver accepts are not noted, however many there are", (t) => {
  const bodies = Array.from({ length: MAX_FAULTS + 5 }, (_, at) =>
    JSON.stringify({ eventId: `${at}`, writer: "broken", epoch: "1", seq: `${2 * at + 1}`, prevHash: "" }),
  );
  const accept = (...writers: string[]) => ({ part: { accepted: new Set(writers) } });
  t.true((verdictOf(bodies, accept()).counts.GAP ?? 0) > MAX_FAULTS, "control");
  const { proven, counts } = verdictOf(bodies, accept("broken"));
  t.deepEqual([proven, counts], [true, {}]);
  t.deepEqual(faultsOf([...bodies, ...LINES.toSpliced(1, 1)], accept("broken")), [`GAP 1/3 ${bodies.length + 2}`]);
});

test("of a writer that an archiver accepts, no edge is kept that lies behind what was proven", (t) => {
  const part = { accepted: new Set(["w"]) };
  const endOf = (lines: readonly string[]) => endsOf(verdictOf(lines, { policy: POLICY, part })).get("w");
  const broken = W.bodies.with(4, altered(W.bodies[4], { prevHash: W.bodies[0] }));
  t.like(endOf(broken), { epoch: 1, seq: 3, edge: undefined });
  t.like(endOf(W.bodies), { epoch: 2, seq: 4, edge: { size: 10 } }, "control");
  const known = endsOf(verdictOf(broken, { policy: POLICY, part }));
  const silent = { known, policy: POLICY, part: { accepted: new Set<string>() } };
  t.deepEqual(faultsOf([checkpointLine(W.checkpointAt())], silent), ["proven"], "in a later part it is not compared");
});

test("a writer of an earlier part may have no event in the part that an archiver moves", (t) => {
  const known = endsOf(verdictOf(LINES));
  const other = createLogWriter("v");
  other.append();
  t.deepEqual(faultsOf(other.bodies, { known, part: { accepted: new Set() } }), ["proven"]);
  t.deepEqual(faultsOf(other.bodies, { known }), ["OLDER 2/4"], "control");
});

test("a checkpoint of a writer without an event in the part is compared with what an earlier part had", (t) => {
  const known = endsOf(verdictOf(LINES));
  const other = tenEvents("v");
  const policy = parsePolicy(`${W.policyLine}${other.policyLine}quorum none\n`);
  const faults = (note: string) =>
    faultsOf([...other.bodies, checkpointLine(note)], { known, policy, part: { accepted: new Set() } });
  const fork = [...W.bodies.slice(0, 9), altered(W.bodies[9], { eventId: "other" })];
  t.deepEqual(faults(W.checkpoint(fork)), ["CHECKPOINT_MISMATCH 2/4 11"]);
  t.deepEqual(faults(W.checkpointAt()), ["proven"], "control");
  t.deepEqual(faults(W.checkpointAt(8)), ["proven"], "what came before is not known");
});

const count = (members: object) => ({ signaturesCounted: { keys: [{ keyId: "k1", ...members }] } });
const issued = { tokenIssued: { tokenId: "t", keyId: "k1" } };
const withheld = { tokenWithheld: { tokenId: "t", keyId: "k1" } };

/** The log of one epoch with these events. */
function eventsOf(...events: readonly object[]): readonly string[] {
  const log = createLogWriter("w");
  for (const event of events) log.append(event);
  return log.bodies;
}

test("counts that agree with the events before them are no fault, in each epoch from 0", (t) => {
  const log = createLogWriter("w");
  const other = { tokenIssued: { tokenId: "t", keyId: "k2" } };
  for (const event of [issued, other, issued, withheld]) log.append(event);
  log.append(count({ signed: "4", issued: "2", withheld: "1", selfTests: "1", unrecorded: "1" }));
  log.append(issued);
  log.append(count({ signed: "4", issued: "3", withheld: "1", inFlight: "1" }));
  log.nextEpoch();
  log.append(count({ signed: "1", selfTests: "1" }));
  t.deepEqual(faultsOf(log.bodies, {}), ["proven"]);
});

for (const [what, events, message] of [
  ["more tokens than the log has", [issued, count({ signed: "2", issued: "2" })], /2 issued tokens; the epoch has 1/],
  ["fewer tokens than the log has", [issued, issued, count({ signed: "1", issued: "1" })], /1 issued token; .* has 2/],
  ["no withheld token", [issued, withheld, count({ signed: "1", issued: "1" })], /0 withheld tokens; the epoch has 1/],
  ["a signature of which nothing is told", [issued, count({ signed: "2", issued: "1" })], /2 signatures, .* of 1$/],
] as const)
  test(`a count of ${what} is a fault at its place`, (t) => {
    const lines = eventsOf(...events);
    const [fault, ...more] = verdictOf(lines, {}).faults;
    t.deepEqual(more, []);
    t.like(fault, { code: "COUNT_MISMATCH", place: { epoch: 1, seq: lines.length }, at: lines.length });
    t.regex(fault?.message ?? "", message);
  });

test("the counts of an epoch whose beginning is missing are not compared", (t) => {
  const lines = eventsOf(issued, issued, count({ signed: "2", issued: "2" }));
  t.deepEqual(faultsOf(lines.slice(1), { partial: true }), ["proven"]);
});

const opened = (writer: string, members: object = {}) => ({
  writerOpened: { origin: `signet.example/audit/${writer}`, ...members },
});

/** Two logs, of which the one follows the other. */
function twoLogs(first: object = {}, second: object = {}) {
  const [a, b] = [createLogWriter("a"), createLogWriter("b")];
  a.append(opened("a"));
  a.append();
  a.append({ writerClosed: { reason: "KEY_ROTATED", successor: "b", ...first } });
  b.append(opened("b", { predecessor: "a", ...second }));
  return { a, b };
}

test("two logs that name each other fit, and each alone is told to lack the other", (t) => {
  const { a, b } = twoLogs();
  t.deepEqual(faultsOf([...a.bodies, ...b.bodies], {}), ["proven"]);
  t.deepEqual(faultsOf(a.bodies, {}), ["WRITER_LINK 1/3 3"]);
  t.deepEqual(faultsOf(b.bodies, {}), ["WRITER_LINK 1/1 1"]);
});

test("with --partial, whole writers may be missing, and no end of one that is there", (t) => {
  const { a, b } = twoLogs();
  for (const { bodies } of [a, b]) t.deepEqual(faultsOf(bodies, { partial: true }), ["proven"]);
  const noted = [...b.bodies, checkpointLine(a.checkpointAt())];
  t.deepEqual(faultsOf(noted, { partial: true }), ["proven"]);
  t.deepEqual(faultsOf(noted, {}), ["CHECKPOINT_AHEAD 2", "WRITER_LINK 1/1 1"]);
  const cut = [...a.bodies.slice(0, 2), checkpointLine(a.checkpointAt())];
  t.deepEqual(faultsOf(cut, { partial: true }), ["CHECKPOINT_AHEAD 1/2 3"]);
});

test("a log that another one claims, that goes on when closed, or opens late or as another, is a fault", (t) => {
  const claimed = twoLogs({}, { predecessor: "c" });
  t.deepEqual(faultsOf([...claimed.a.bodies, ...claimed.b.bodies], {}), ["WRITER_LINK 1/3 3", "WRITER_LINK 1/1 4"]);
  const { a, b } = twoLogs();
  a.append();
  t.deepEqual(faultsOf([...a.bodies, ...b.bodies], {}), ["WRITER_LINK 1/3 3"]);
  t.deepEqual(faultsOf(eventsOf(issued, opened("w")), {}), ["WRITER_LINK 1/2 2"]);
  t.deepEqual(faultsOf(eventsOf(opened("v")), {}), ["WRITER_LINK 1/1 1"]);
  t.deepEqual(faultsOf(eventsOf(opened("w")), {}), ["proven"], "control");
});

test("a log that began with another key than that of the policy is unknown", (t) => {
  const log = createLogWriter("w");
  const verifierKey = log.policyLine.trimEnd().split(" ")[1];
  const policy = parsePolicy(`${log.policyLine}quorum none\n`);
  t.deepEqual(faultsOf(eventsOf(opened("w", { verifierKey })), { policy }), ["proven"], "control");
  t.deepEqual(faultsOf(eventsOf(opened("w", { verifierKey })), { policy: POLICY }), ["UNKNOWN_LOG 1/1 1"]);
});
