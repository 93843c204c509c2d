import test from "ava";
import { parsePolicy } from "../../../src/audit/checkpoint/policy.ts";
import { checkReceipt, ReceiptError } from "../../../src/audit/receipt/check-receipt.ts";
import { EventSearch, issuedToken, publishedKey } from "../../../src/audit/receipt/event-search.ts";
import { parseTlogProof, tlogProofText } from "../../../src/audit/receipt/tlog-proof.ts";
import { createLogWriter } from "../../support/audit/log-writer.ts";

const LOG = createLogWriter("w");
for (let number = 0; number < 11; number++) LOG.append();
const POLICY = parsePolicy(`${LOG.policyLine}quorum none\n`);

interface Read {
  readonly bodies?: readonly string[];
  readonly notes?: readonly string[];
}

function receiptFor(token: string, read: Read = {}): string {
  return receiptIn(new EventSearch(issuedToken(token)), read);
}

function receiptIn(search: EventSearch, { bodies = LOG.bodies, notes = [LOG.checkpointAt(9)] }: Read): string {
  for (const body of bodies) search.addEvent(Buffer.from(body));
  for (const note of notes) search.addCheckpoint(note);
  return search.receipt();
}

const check = (receipt: string | Uint8Array) => checkReceipt(Buffer.from(receipt), POLICY);

test("the receipt of every token that a checkpoint covers proves it, with the bytes of its event", (t) => {
  for (let index = 0; index < 9; index++) {
    const receipt = receiptFor(`t-${index}`);
    t.like(check(receipt), { tokenId: `t-${index}`, index, size: 9, origin: LOG.key.name });
    t.is(parseTlogProof(Buffer.from(receipt)).extra.toString(), LOG.bodies[index] ?? "");
  }
});

test("the receipt of a public key proves it, of the owner that is asked for", (t) => {
  const log = createLogWriter("k");
  const jwk = { kty: "OKP", crv: "Ed25519", x: "abc" };
  for (const keyset of ["one", "two"]) log.append({ keyPublished: { keyset, keyId: "kid", algorithm: "EdDSA", jwk } });
  const policy = parsePolicy(`${log.policyLine}quorum none\n`);
  const read = { bodies: log.bodies, notes: [log.checkpointAt()] };
  const proven = (keyset?: string) =>
    checkReceipt(Buffer.from(receiptIn(new EventSearch(publishedKey("kid", keyset)), read)), policy);
  t.like(proven(), { publicKeyId: "kid", tokenId: undefined, index: 0 });
  t.like(proven("two"), { publicKeyId: "kid", index: 1, event: { keyPublished: { keyset: "two", jwk } } });
  t.throws(() => proven("three"), { code: "NOT_FOUND", message: /says that this key was published/ });
});

test("the order of events, repeated ones and other writers do not matter", (t) => {
  const other = createLogWriter("v");
  other.append({ tokenDenied: {} });
  const bodies = [...other.bodies, ...LOG.bodies.toReversed(), ...LOG.bodies];
  t.is(receiptFor("t-3", { bodies, notes: [other.checkpointAt(), LOG.checkpointAt(9)] }), receiptFor("t-3"));
});

test("the smallest checkpoint that covers the event and agrees is taken", (t) => {
  const notes = [
    LOG.checkpointAt(11),
    LOG.checkpointAt(6),
    LOG.checkpointAt(2),
    LOG.checkpoint(["x", "y", "z", "0", "1"]),
  ];
  t.is(check(receiptFor("t-3", { notes })).size, 6);
});

/** The event, as who can publish can make up another one: of another writer, or at the same place. */
const madeUp = (body: string | undefined, members: object) => JSON.stringify({ ...JSON.parse(body ?? ""), ...members });

test("an event that was made up, before or behind the real one, does not hide it", (t) => {
  const real = LOG.bodies[3];
  for (const [what, members] of Object.entries({
    "of another writer": { writer: "evil" },
    "at the same place": { time: "2026-11-22T13:00:00Z" },
    "at another place": { logIndex: "5" },
    "without a log": { logIndex: undefined },
  })) {
    const forged = madeUp(real, members);
    const behind = [...LOG.bodies, forged];
    t.like(check(receiptFor("t-3", { bodies: behind })), { tokenId: "t-3", index: 3 }, `${what}, behind`);
    const before = [forged, ...LOG.bodies];
    t.like(check(receiptFor("t-3", { bodies: before })), { tokenId: "t-3", index: 3 }, `${what}, before`);
  }
});

test("an event that was made up at a place that is taken spoils no other receipt", (t) => {
  const bodies = [...LOG.bodies, madeUp(LOG.bodies[1], { eventId: "other" })];
  t.is(check(receiptFor("t-3", { bodies })).index, 3);
});

test("events that were made up ahead of those of the writer, and link to each other, hide none of them", (t) => {
  const members = { tokenIssued: { profile: "service", tokenId: "forged", keyId: "k1" } };
  // Another history that agrees with the real one up to t-1, as a thief of the writer's rights would go on.
  const evil = createLogWriter("w");
  for (const at of [0, 1]) evil.append(JSON.parse(LOG.bodies[at] ?? ""));
  for (let count = 0; count < 7; count++) evil.append(members);
  t.deepEqual(evil.bodies.slice(0, 2), LOG.bodies.slice(0, 2), "control: it has the same beginning");
  const single = [2, 3, 4, 7].map((at) => madeUp(LOG.bodies[at], members));
  const bodies = [...evil.bodies, ...single, ...LOG.bodies];
  for (let index = 0; index < 9; index++) t.is(check(receiptFor(`t-${index}`, { bodies })).index, index);
  t.throws(() => receiptFor("forged", { bodies }), { code: "MISMATCH" });
});

test("where the real event of a place is missing, one that was made up does not take it", (t) => {
  const bodies = LOG.bodies.with(5, madeUp(LOG.bodies[5], { eventId: "other" }));
  t.throws(() => receiptFor("t-3", { bodies }), { code: "MISMATCH" });
});

test("an event that is covered only by a checkpoint of another key is pending, and the message says so", (t) => {
  const receipt = (...notes: readonly string[]) => receiptIn(new EventSearch(issuedToken("t-3"), POLICY), { notes });
  const other = createLogWriter("w");
  const forged = (size: number) => other.checkpoint(LOG.bodies.slice(0, size));
  const unsigned = /the key that the policy has for the log did not sign the checkpoint that covers the event/;
  t.throws(() => receipt(forged(5), LOG.checkpointAt(2)), { code: "PENDING", message: unsigned });
  t.throws(() => receipt(forged(3)), { code: "PENDING", message: "no checkpoint covers the event" });
  t.is(check(receipt(forged(5), LOG.checkpointAt(9))).size, 9, "it hides no good one");
});

test("of several events the one that is covered is taken, and it is pending if none is", (t) => {
  const log = createLogWriter("restarted");
  const published = { keyPublished: { keyId: "kid" } };
  for (const event of [published, {}, published]) log.append(event);
  const other = createLogWriter("other");
  other.append(published);
  const receipt = (notes: readonly string[], bodies: readonly string[]) =>
    receiptIn(new EventSearch(publishedKey("kid", undefined)), { bodies, notes });
  const all = [...log.bodies, ...other.bodies];
  const index = (text: string) => parseTlogProof(Buffer.from(text)).index;
  t.is(index(receipt([log.checkpointAt()], all)), 0);
  t.is(index(receipt([other.checkpointAt()], all)), 0, "the first log has no checkpoint");
  t.is(index(receipt([log.checkpointAt(), other.checkpointAt()], all.slice(1))), 0, "its beginning is archived");
  t.throws(() => receipt([], all), { code: "PENDING" });
  t.throws(() => receipt([log.checkpointAt()], all.slice(1)), { code: "PENDING" });
  t.throws(() => receipt([log.checkpointAt()], log.bodies.slice(1)), { code: "INCOMPLETE" });
});

test("any number of events that were made up for the token hide it no longer than it takes to read them", (t) => {
  const log = createLogWriter("w");
  for (let number = 0; number < 2_000; number++) log.append();
  const forged = Array.from({ length: 4_000 }, (_, number) => [
    madeUp(log.bodies[3], { eventId: `same-${number}` }),
    madeUp(log.bodies[3], { eventId: `later-${number}`, logIndex: String(number) }),
    madeUp(log.bodies[3], { eventId: `bare-${number}`, logIndex: undefined }),
    madeUp(log.bodies[3], { writer: `evil-${number}` }),
  ]).flat();
  const read = { bodies: [...forged, ...log.bodies], notes: [log.checkpointAt()] };
  t.is(parseTlogProof(Buffer.from(receiptFor("t-3", read))).extra.toString(), log.bodies[3] ?? "");
  t.throws(() => receiptFor("t-3", { ...read, bodies: [...forged, ...log.bodies.with(3, "{}")] }), { code: "PENDING" });
});

test("while the real event is not covered, the one that was made up before it does not say that none comes", (t) => {
  const bodies = [...LOG.bodies, madeUp(LOG.bodies[9], { logIndex: "4" })];
  t.throws(() => receiptFor("t-9", { bodies }), { code: "PENDING" });
  t.is(check(receiptFor("t-9", { bodies, notes: [LOG.checkpointAt()] })).index, 9, "control");
});

test("with a policy, a log that was made up with its checkpoint does not hide the real one", (t) => {
  const evil = createLogWriter("evil");
  evil.append({ tokenIssued: { tokenId: "t-3" } });
  const read = { bodies: [...evil.bodies, ...LOG.bodies], notes: [evil.checkpointAt(), LOG.checkpointAt(9)] };
  t.throws(() => check(receiptFor("t-3", read)), { code: "UNKNOWN_LOG" }, "control: nobody says whom to trust");
  t.is(check(receiptIn(new EventSearch(issuedToken("t-3"), POLICY), read)).index, 3);
});

test("until a checkpoint covers the event, the receipt is pending", (t) => {
  t.throws(() => receiptFor("t-9"), { code: "PENDING" });
  t.throws(() => receiptFor("t-3", { notes: [] }), { code: "PENDING" });
  t.notThrows(() => receiptFor("t-8"), "control");
});

test("no event of a writer that the policy does not name is pending, and it hides no reason of a known one", (t) => {
  const evil = createLogWriter("evil");
  evil.append({ tokenIssued: { tokenId: "t-3" } });
  const receipt = (read: Read) => receiptIn(new EventSearch(issuedToken("t-3"), POLICY), read);
  t.throws(() => receipt({ bodies: evil.bodies }), { code: "UNKNOWN_LOG" });
  t.throws(() => receipt({ bodies: [...evil.bodies, ...LOG.bodies], notes: [] }), { code: "PENDING" });
  t.throws(() => receipt({ bodies: [...evil.bodies, ...LOG.bodies.slice(1)] }), { code: "INCOMPLETE" });
});

test("the event of a log without its beginning is not pending: no checkpoint will prove it", (t) => {
  t.throws(() => receiptFor("t-9", { bodies: LOG.bodies.slice(1) }), { code: "INCOMPLETE", message: /log index 0/ });
  t.throws(() => receiptFor("t-9", { notes: [], bodies: LOG.bodies.slice(1) }), { code: "INCOMPLETE" });
});

for (const [what, code, token, read] of [
  ["of a token that no event names", "NOT_FOUND", "t-99", {}],
  [
    "of a token of a version without logs",
    "NO_LOG",
    "t",
    {
      bodies: [JSON.stringify({ eventId: "1", writer: "w", epoch: "1", seq: "1", tokenIssued: { tokenId: "t" } })],
    },
  ],
  ["of a log without its beginning", "INCOMPLETE", "t-3", { bodies: LOG.bodies.slice(1) }],
  [
    "of a log with another event",
    "MISMATCH",
    "t-3",
    {
      bodies: LOG.bodies.with(1, (LOG.bodies[1] ?? "").replace("service", "other")),
    },
  ],
] as const)
  test(`a receipt ${what} is refused`, (t) => {
    t.throws(() => receiptFor(token, read), { code });
  });

test("a receipt of which any byte is changed, or missing, or more, is refused", (t) => {
  const receipt = Buffer.from(receiptFor("t-3"));
  t.is(check(receipt).tokenId, "t-3", "control");
  const refuses = (bytes: Buffer, what: string) => t.throws(() => check(bytes), { instanceOf: ReceiptError }, what);
  for (let at = 0; at < receipt.length; at++) {
    for (const change of [1, 0x20, 0x80]) {
      const changed = Buffer.from(receipt);
      changed[at] = (changed[at] ?? 0) ^ change;
      refuses(changed, `byte ${at} changed by ${change}`);
    }
    refuses(Buffer.concat([receipt.subarray(0, at), receipt.subarray(at + 1)]), `byte ${at} missing`);
    refuses(receipt.subarray(0, at), `cut at ${at}`);
  }
  refuses(Buffer.concat([receipt, Buffer.from("\n")]), "more");
});

for (const [what, code, receipt] of [
  [
    "signed by another key of the same name",
    "BAD_SIGNATURE",
    () => {
      const forged = createLogWriter("w");
      return receiptFor("t-3", { notes: [forged.checkpoint(LOG.bodies)] });
    },
  ],
  [
    "of a log that the policy does not name",
    "UNKNOWN_LOG",
    () => {
      const other = createLogWriter("v");
      other.append();
      return receiptFor("t-0", { bodies: other.bodies, notes: [other.checkpointAt()] });
    },
  ],
  [
    "of an event that issued no token",
    "NO_TOKEN",
    () => {
      const proof = parseTlogProof(Buffer.from(receiptOf({ tokenDenied: {} })));
      return tlogProofText(proof);
    },
  ],
  ["whose log and event name two writers", "MALFORMED", () => receiptOf({ writer: "v", ...ISSUED })],
  ["whose event has another index", "MALFORMED", () => receiptOf({ logIndex: "1", ...ISSUED })],
] as const)
  test(`a receipt ${what} is refused`, (t) => {
    t.throws(() => check(receipt()), { instanceOf: ReceiptError, code });
  });

const ISSUED = { tokenIssued: { tokenId: "t" } };

/** A receipt that the log's key has signed, of one event with these members. */
function receiptOf(members: object): string {
  const place = { eventId: "1", writer: "w", epoch: "1", seq: "1", logIndex: "0" };
  const body = JSON.stringify({ ...place, ...members });
  return tlogProofText({ extra: Buffer.from(body), index: 0, hashes: [], checkpoint: LOG.checkpoint([body]) });
}

test("a receipt of a log of one event has no hashes, and is one", (t) => {
  t.is(check(receiptOf(ISSUED)).tokenId, "t");
});
