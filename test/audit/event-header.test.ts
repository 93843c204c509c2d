import test from "ava";
import { encodeEvent } from "../../src/audit/encode.ts";
import type { AuditEvent } from "../../src/audit/event.ts";
import { readHeader, subjectOf } from "../../src/audit/event-header.ts";
import { callerNamed } from "../support/caller.ts";
import { issued, TIME } from "../support/files/spool-fixture.ts";

const place = { writer: "writer-1", epoch: 1, seq: 1, prevHash: new Uint8Array(), logIndex: 0 };
const encode = (event: AuditEvent) => encodeEvent("0198b2f0-0000-7000-8000-000000000000", TIME, place, event);

test("what publishing needs is read back from the body", (t) => {
  t.deepEqual(readHeader(encode(issued(1))), {
    id: "0198b2f0-0000-7000-8000-000000000000",
    type: "token.issued",
    profile: "service",
    time: new Date(TIME).toISOString(),
    writer: "writer-1",
    traceparent: "",
  });
  const traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  t.is(readHeader(encode({ ...issued(1), traceparent })).traceparent, traceparent);
});

test("the subject is the type and the profile, or _ where an event has none", (t) => {
  const denied = {
    type: "token.denied",
    profile: "",
    caller: callerNamed("c"),
    reason: "R",
    count: 1,
    requestId: "",
  } as const;
  const rotated = {
    type: "key.rotated",
    keyset: "s",
    keysetEpoch: 2,
    added: [],
    removed: [],
    reason: "first",
    caller: undefined,
    signingKeyId: "",
    signsFrom: undefined,
  } as const;
  t.is(subjectOf(readHeader(encode(issued(1)))), "signet.audit.token.issued.service");
  t.is(subjectOf(readHeader(encode(denied))), "signet.audit.token.denied._");
  t.is(subjectOf(readHeader(encode(rotated))), "signet.audit.key.rotated._");
  const changed = {
    type: "configuration.changed",
    configHash: "h",
    policyDigest: "p",
    profiles: ["lobby"],
    disabled: [],
    replaced: [],
    parts: ["profiles"],
  } as const;
  t.is(subjectOf(readHeader(encode(changed))), "signet.audit.configuration.changed._");
  const started = { type: "service.started", version: "1", configHash: "h", acceptedLosses: [] } as const;
  t.is(subjectOf(readHeader(encode(started))), "signet.audit.service.started._");
  t.is(subjectOf(readHeader(encode({ type: "service.stopped", reason: "SIGTERM" }))), "signet.audit.service.stopped._");
});

test("no profile can inject a protocol line, a token or a wildcard into the subject", (t) => {
  for (const profile of ["a b", "a\r\nPUB x 0\r\n", "a.b", "*", ">", "a\tb", "é", "a\u0000", "a\n", ""]) {
    t.is(subjectOf({ type: "token.issued", profile }), "signet.audit.token.issued._", JSON.stringify(profile));
  }
});

test("a body that is not an audit event, or would inject a header, is CORRUPT", (t) => {
  const bad = [
    "",
    "[]",
    "null",
    '{"eventId":"1","time":"t","writer":"w"}',
    '{"eventId":"1\\r\\nx: y","time":"t","writer":"w","serviceStopped":{}}',
    '{"eventId":"1","time":"t","writer":"w w","serviceStopped":{}}',
    '{"eventId":"1","time":5,"writer":"w","serviceStopped":{}}',
  ];
  for (const body of bad) t.throws(() => readHeader(Buffer.from(body)), { name: "AuditError", code: "CORRUPT" }, body);
});
