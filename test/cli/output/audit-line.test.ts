import test from "ava";
import { auditJson, auditLine } from "../../../src/cli/output/audit-line.ts";
import { AuditEvent } from "../../../src/gen/signet/v1/audit.ts";
import { createLogSigner } from "../../support/audit/log-signer.ts";
import { NOW } from "../terminal.ts";

const EVENT = { eventId: "e-1", time: new Date(NOW), writer: "w", epoch: 1n, seq: 7n };

const PROVEN = { callerProof: "loopback", callerAddress: "127.0.0.1" };

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
    ...PROVEN,
    subjectHash: "hash",
    audience: ["a"],
    issuedAt: new Date(NOW),
    expiresAt: undefined,
    requestId: "",
    tenant: "",
    extended: false,
    ...{ claims: { scope: "read" }, claimsLeftOut: [], claimsDigest: "d", profileDigest: "p", ttlSeconds: 300n },
    ...{ warnings: [], subject: "alice" },
  };
  const line = "2026-11-22T12:00:00.000Z  token.issued     service  t-1  loopback  kid-1";
  t.is(auditLine(message({ $case: "tokenIssued", value })), line);
  const warned = { ...value, warnings: ["ALLOW_ALL", "NO_EXPIRY"] };
  t.is(auditLine(message({ $case: "tokenIssued", value: warned })), `${line}  warnings ALLOW_ALL NO_EXPIRY`);
});

test("a denial is printed with its reason and how many it stands for", (t) => {
  const value = { profile: "", caller: "loopback", ...PROVEN, reason: "NO_KEY", count: 3n, requestId: "r-1" };
  t.is(
    auditLine(message({ $case: "tokenDenied", value }, "token.denied")),
    "2026-11-22T12:00:00.000Z  token.denied     -  e-1  loopback  -  NO_KEY x3",
  );
});

test("rejections are printed with their profile, their reason and how many they stand for", (t) => {
  const none = { caller: "", callerProof: "", callerAddress: "", keyId: "", tokenId: "" };
  const line = (sample: typeof none) => {
    const value = { profile: "lobby", reason: "BAD_SIGNATURE", count: 3n, ...sample };
    return auditLine(message({ $case: "tokenRejected", value }, "token.rejected"));
  };
  t.is(line(none), "2026-11-22T12:00:00.000Z  token.rejected   lobby  e-1  -  -  BAD_SIGNATURE x3");
  t.is(
    line({ ...none, caller: "dns:g", keyId: "k1", tokenId: "t-1" }),
    "2026-11-22T12:00:00.000Z  token.rejected   lobby  t-1  dns:g  k1  BAD_SIGNATURE x3",
  );
});

test("a revocation is printed with its tokens or the hash of its subject, its caller and its reason", (t) => {
  const value = {
    profile: "lobby",
    tenant: "acme",
    tokenIds: ["t-1", "t-2", "t-3"],
    subjectHash: "",
    subject: "",
    issuedBefore: undefined,
    caller: "loopback",
    ...PROVEN,
    reason: "lost laptop",
    until: new Date(NOW),
  };
  const line = (more: object) =>
    auditLine(message({ $case: "tokenRevoked", value: { ...value, ...more } }, "token.revoked"));
  t.is(line({}), "2026-11-22T12:00:00.000Z  token.revoked    lobby  t-1 +2  loopback  -  tenant acme, lost laptop");
  const bySubject = line({ tenant: "", tokenIds: [], subjectHash: "hash" });
  t.is(bySubject, "2026-11-22T12:00:00.000Z  token.revoked    lobby  hash  loopback  -  lost laptop");
});

test("what was counted is printed with its method, why, and how often", (t) => {
  const common = { profile: "service", caller: "dns:orders", ...PROVEN, count: 3n };
  const denied = { ...common, method: "IssueToken", reason: "PERMISSION_DENIED" };
  t.regex(
    auditLine(message({ $case: "accessDenied", value: denied }, "access.denied")),
    / {2}service {2}e-1 {2}dns:orders {2}- {2}IssueToken: PERMISSION_DENIED x3$/,
  );
  t.regex(
    auditLine(message({ $case: "accessDenied", value: { ...denied, method: "" } }, "access.denied")),
    / {2}- {2}PERMISSION_DENIED x3$/,
  );
  t.regex(
    auditLine(message({ $case: "adminFailed", value: { ...denied, reason: "WEAK_KEY" } }, "admin.failed")),
    / {2}IssueToken: WEAK_KEY x3$/,
  );
  const differing = { ...common, method: "IssueToken", group: "shop" };
  for (const [$case, type] of [
    ["accessWouldDeny", "access.would_deny"],
    ["accessWouldAllow", "access.would_allow"],
  ] as const)
    t.regex(auditLine(message({ $case, value: differing }, type)), / {2}dns:orders {2}- {2}IssueToken: group shop x3$/);
});

test("a session is printed with its gateway, its id, and how many are open or why it was closed", (t) => {
  const session = { profile: "lobby", tenant: "acme", sessionId: "s-1", keyId: "k1", caller: "dns:g", ...PROVEN };
  const value = { ...session, tokenId: "t-1", gatewayId: "g-1", connectionId: "c-1", subjectHash: "", subject: "" };
  const opened = { ...value, openSessions: 1, maxSessions: 3, deadline: undefined };
  t.regex(
    auditLine(message({ $case: "sessionOpened", value: opened }, "session.opened")),
    / {2}lobby {2}t-1 {2}dns:g {2}k1 {2}tenant acme, gateway g-1, session s-1, 1 of 3$/,
  );
  t.regex(
    auditLine(message({ $case: "sessionOpened", value: { ...opened, maxSessions: 0 } }, "session.opened")),
    /session s-1$/,
  );
  const closed = { ...session, gatewayId: "g-1", reason: "LEASE_LAPSED", openedAt: new Date(NOW) };
  t.regex(
    auditLine(message({ $case: "sessionClosed", value: closed }, "session.closed")),
    / {2}lobby {2}e-1 {2}dns:g {2}k1 {2}tenant acme, gateway g-1, session s-1, LEASE_LAPSED$/,
  );
  const refused = { profile: "lobby", caller: "dns:g", ...PROVEN, reason: "TOO_MANY_SESSIONS", count: 2n };
  t.regex(
    auditLine(message({ $case: "sessionRefused", value: refused }, "session.refused")),
    / {2}dns:g {2}- {2}TOO_MANY_SESSIONS x2$/,
  );
});

test("a rotation is printed with the keys that came and went", (t) => {
  const value = { keyset: "service", keysetEpoch: 4n, added: ["new"], removed: ["old"], reason: "scheduled" };
  const unnamed = { signingKeyId: "", signsFrom: undefined };
  const line = (more: object) =>
    auditLine(
      message({ $case: "keyRotated", value: { ...value, caller: "", ...PROVEN, ...unnamed, ...more } }, "key.rotated"),
    );
  t.is(line({}), "2026-11-22T12:00:00.000Z  key.rotated      -  e-1  -  +new -old  service epoch 4: scheduled");
  const byHand = line({ reason: "manual", caller: "loopback" });
  t.is(byHand, "2026-11-22T12:00:00.000Z  key.rotated      -  e-1  loopback  +new -old  service epoch 4: manual");
  const taking = line({ reason: "manual", signingKeyId: "next", signsFrom: new Date(NOW) });
  t.regex(taking, /service epoch 4: manual, next signs from 2026-11-22T12:00:00\.000Z$/);
});

test("an imported secret is printed with its profile, key and length, and the exceptions that were made for it", (t) => {
  const value = {
    profile: "lobby",
    tenant: "acme",
    keyId: "k1",
    caller: "loopback",
    ...PROVEN,
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
  const value = { ...ring, keyId: "old", signingKeyId: "new", caller: "loopback", ...PROVEN, reason: "INC-1" };
  const line = auditLine(message({ $case: "keyRevoked", value }, "key.revoked"));
  t.regex(line, /key\.revoked {6}- {2}e-1 {2}loopback {2}-old, new signs {2}service epoch 4: INC-1$/);
  const imported = { ...value, keyset: "", profile: "lobby", tenant: "acme", signingKeyId: "" };
  const other = auditLine(message({ $case: "keyRevoked", value: imported }, "key.revoked"));
  t.regex(other, / {2}lobby {2}e-1 {2}loopback {2}-old {2}tenant acme, epoch 4: INC-1$/);
});

test("a changed configuration is printed with its profiles and the digest of its policy", (t) => {
  const value = {
    ...{ configHash: "h", policyDigest: "p0", profiles: ["arena", "lobby"], disabled: [], replaced: [] },
    parts: [] as string[],
  };
  const printed = (changed: Partial<typeof value>) =>
    auditLine(message({ $case: "configurationChanged", value: { ...value, ...changed } }, "configuration.changed"));
  t.regex(printed({}), /configuration\.changed {2}- {2}e-1 {2}- {2}- {2}profiles arena lobby {2}policy p0$/);
  t.regex(printed({ profiles: [] }), / {2}- {2}policy p0$/, "the policy alone has changed");
  t.regex(printed({ profiles: [], parts: ["grpc.tls"] }), / {2}- {2}changed grpc\.tls {2}policy p0$/);
  t.regex(printed({ policyDigest: "" }), / {2}profiles arena lobby$/, "an event of 0.1.0");
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
  ["without a real time of its key", '{"eventId":"e","keyPublished":{"signsFrom":"yesterday"}}'],
] as const) {
  test(`a body that is ${what} is shown as such`, (t) => {
    const line = auditLine({ subject: "signet.audit.x", headers: {}, body: Buffer.from(text) });
    t.is(line, `- signet.audit.x not an audit event (${Buffer.byteLength(text)} bytes)`);
  });
}

test("what an event holds can't control the terminal", (t) => {
  const value = {
    profile: "p\u001b]0;x\u0007",
    caller: "c\n2026 fake line",
    reason: "\u202e",
    count: 1n,
    requestId: "",
    ...PROVEN,
  };
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

test("a checkpoint is printed with its writer and size, and as JSON with its note", (t) => {
  const note = createLogSigner("writer-1").checkpoint(["a", "b"]);
  const checkpoint = { subject: "signet.audit.checkpoint.writer-1", headers: {}, body: Buffer.from(note) };
  t.is(auditLine(checkpoint), "-  checkpoint       -  writer-1  -  -  size 2");
  t.is(auditJson(checkpoint), JSON.stringify({ checkpoint: note }));
});

test("what is no checkpoint under the subject of one is printed as such, and as JSON in base64", (t) => {
  for (const text of ["{}", "signet.example/audit/w\n2\n"]) {
    const foreign = { subject: "signet.audit.checkpoint.w", headers: {}, body: Buffer.from(text) };
    t.regex(auditLine(foreign), /^- signet\.audit\.checkpoint\.w not an audit event/);
    t.notThrows(() => JSON.parse(auditJson(foreign)));
    t.false(auditJson(foreign).startsWith('{"checkpoint"'));
  }
});
