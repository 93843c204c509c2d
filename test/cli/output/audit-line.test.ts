import test from "ava";
import { auditJson, auditLine } from "../../../src/cli/output/audit-line.ts";
import { AuditEvent } from "../../../src/gen/signet/v1/audit.ts";
import { NOW } from "../terminal.ts";

const EVENT = { eventId: "e-1", time: new Date(NOW), writer: "w", epoch: 1n, seq: 7n };

function message(event: AuditEvent["event"], type = "token.issued") {
  const body = Buffer.from(JSON.stringify(AuditEvent.toJSON(AuditEvent.fromPartial({ ...EVENT, event }))));
  return { subject: `signet.audit.${type}._`, headers: { "ce-type": type }, body };
}

test("an issued token is printed with its profile, id, caller and key", (t) => {
  const value = {
    profile: "service",
    tokenId: "t-1",
    keyId: "kid-1",
    caller: "loopback",
    subjectHash: "hash",
    audience: ["a"],
    issuedAt: new Date(NOW),
    expiresAt: undefined,
    requestId: "",
    tenant: "",
    extended: false,
  };
  t.is(
    auditLine(message({ $case: "tokenIssued", value })),
    "2026-11-22T12:00:00.000Z  token.issued     service  t-1  loopback  kid-1",
  );
});

test("a denial is printed with its reason and how many it stands for", (t) => {
  const value = { profile: "", caller: "loopback", reason: "NO_KEY", count: 3n };
  t.is(
    auditLine(message({ $case: "tokenDenied", value }, "token.denied")),
    "2026-11-22T12:00:00.000Z  token.denied     -  e-1  loopback  -  NO_KEY x3",
  );
});

test("a revocation is printed with its tokens or the hash of its subject, its caller and its reason", (t) => {
  const value = {
    profile: "lobby",
    tenant: "acme",
    tokenIds: ["t-1", "t-2", "t-3"],
    subjectHash: "",
    issuedBefore: undefined,
    caller: "loopback",
    reason: "lost laptop",
    until: new Date(NOW),
  };
  const line = (more: object) =>
    auditLine(message({ $case: "tokenRevoked", value: { ...value, ...more } }, "token.revoked"));
  t.is(line({}), "2026-11-22T12:00:00.000Z  token.revoked    lobby  t-1 +2  loopback  -  tenant acme, lost laptop");
  const bySubject = line({ tenant: "", tokenIds: [], subjectHash: "hash" });
  t.is(bySubject, "2026-11-22T12:00:00.000Z  token.revoked    lobby  hash  loopback  -  lost laptop");
});

test("a rotation is printed with the keys that came and went", (t) => {
  const value = { keyset: "service", keysetEpoch: 4n, added: ["new"], removed: ["old"], reason: "scheduled" };
  const line = (more: object) =>
    auditLine(message({ $case: "keyRotated", value: { ...value, caller: "", ...more } }, "key.rotated"));
  t.is(line({}), "2026-11-22T12:00:00.000Z  key.rotated      -  e-1  -  +new -old  service epoch 4: scheduled");
  const byHand = line({ reason: "manual", caller: "loopback" });
  t.is(byHand, "2026-11-22T12:00:00.000Z  key.rotated      -  e-1  loopback  +new -old  service epoch 4: manual");
});

test("an imported secret is printed with its profile, key and length, and the exceptions that were made for it", (t) => {
  const value = {
    profile: "lobby",
    tenant: "acme",
    keyId: "k1",
    caller: "loopback",
    algorithm: "HS384",
    byteLength: 8,
    fingerprint: "f",
    allowedWeak: true,
    overlapUntil: undefined,
  };
  const line = auditLine(message({ $case: "keyImported", value }, "key.imported"));
  t.regex(line, /key\.imported {5}lobby {2}e-1 {2}loopback {2}k1 {2}HS384, 8 bytes, tenant acme, weak$/);
  const plain = { ...value, algorithm: "", tenant: "", byteLength: 32, allowedWeak: false };
  t.regex(auditLine(message({ $case: "keyImported", value: plain }, "key.imported")), / {2}k1 {2}32 bytes$/);
});

test("a revoked key is printed with the key that now signs, its owner and the reason", (t) => {
  const ring = { keyset: "service", profile: "", tenant: "", keysetEpoch: 4n };
  const value = { ...ring, keyId: "old", signingKeyId: "new", caller: "loopback", reason: "INC-1" };
  const line = auditLine(message({ $case: "keyRevoked", value }, "key.revoked"));
  t.regex(line, /key\.revoked {6}- {2}e-1 {2}loopback {2}-old, new signs {2}service epoch 4: INC-1$/);
  const imported = { ...value, keyset: "", profile: "lobby", tenant: "acme", signingKeyId: "" };
  const other = auditLine(message({ $case: "keyRevoked", value: imported }, "key.revoked"));
  t.regex(other, / {2}lobby {2}e-1 {2}loopback {2}-old {2}tenant acme, epoch 4: INC-1$/);
});

test("a changed configuration is printed with its profiles", (t) => {
  const value = { configHash: "h", profiles: ["arena", "lobby"], disabled: [], replaced: [] };
  const line = auditLine(message({ $case: "configurationChanged", value }, "configuration.changed"));
  t.regex(line, /configuration\.changed {2}- {2}e-1 {2}- {2}- {2}profiles arena lobby$/);
});

test("start and stop are printed with the version and the signal", (t) => {
  const acceptedLosses = ["events:8-12"];
  const started = {
    $case: "serviceStarted",
    value: { version: "0.1.0", configHash: "h", acceptedLosses },
  } as const;
  const stopped = { $case: "serviceStopped", value: { reason: "SIGTERM" } } as const;
  t.regex(
    auditLine(message(started, "service.started")),
    /service\.started {2}- {2}e-1 {2}- {2}- {2}version 0\.1\.0 {2}lost events:8-12$/,
  );
  t.regex(auditLine(message(stopped, "service.stopped")), /service\.stopped {2}- {2}e-1 {2}- {2}- {2}SIGTERM$/);
});

test("an event of a newer service is printed by its header's type and its id", (t) => {
  t.is(auditLine(message(undefined, "token.revoked")), "2026-11-22T12:00:00.000Z  token.revoked    -  e-1  -  -");
});

for (const [what, text] of [
  ["no JSON", "\u0000\u001b[2J"],
  ["an array", "[]"],
  ["null", "null"],
  ["no event", "{}"],
  ["of the wrong shape", '{"eventId":"e","tokenIssued":{"issuedAt":{"seconds":"x"}}}'],
  ["without a real time", '{"eventId":"e","time":"yesterday"}'],
] as const) {
  test(`a body that is ${what} is shown as such`, (t) => {
    const line = auditLine({ subject: "signet.audit.x", headers: {}, body: Buffer.from(text) });
    t.is(line, `- signet.audit.x not an audit event (${Buffer.byteLength(text)} bytes)`);
  });
}

test("what an event holds can't control the terminal", (t) => {
  const value = { profile: "p\u001b]0;x\u0007", caller: "c\n2026 fake line", reason: "\u202e", count: 1n };
  const line = auditLine(message({ $case: "tokenDenied", value }, "token.denied"));
  t.true(line.includes("p\\u{1b}]0;x\\u{7}  e-1  c\\u{a}2026 fake line  -  \\u{202e} x1"));
});

test("--json keeps the bytes of a body, since the chain is made of them", (t) => {
  const text = '{ "eventId":"e-1",  "seq":"7" }';
  t.is(auditJson({ subject: "s", headers: {}, body: Buffer.from(text) }), text);
});

test("--json wraps what would not be one JSON document on one line", (t) => {
  for (const text of ["nonsense", '{\n"eventId":"e-1"}', "7"]) {
    const line = auditJson({ subject: "s", headers: {}, body: Buffer.from(text) });
    t.deepEqual(JSON.parse(line), { subject: "s", undecodable: Buffer.from(text).toString("base64") });
  }
});

test("a body that is not UTF-8 is shown byte for byte, and not read as an event", (t) => {
  const body = Buffer.from('{"eventId":"e-?"}');
  body[body.indexOf("?")] = 0xff;
  const told = { subject: "s", headers: {}, body };
  t.deepEqual(JSON.parse(auditJson(told)), { subject: "s", undecodable: body.toString("base64") });
  t.regex(auditLine(told), /not an audit event/);
});
