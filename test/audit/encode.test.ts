import { execFileSync } from "node:child_process";
import { randomInt } from "node:crypto";
import { join } from "node:path";
import { createFileRegistry, fromBinary, fromJson, toJson } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import test, { type ExecutionContext } from "ava";
import fc from "fast-check";
import { encodeEvent } from "../../src/audit/encode.ts";
import type { AuditEvent } from "../../src/audit/event.ts";
import { headerOf, readHeader } from "../../src/audit/event-header.ts";
import { OPENING_REASONS } from "../../src/audit/events/writer.ts";
import type { Caller } from "../../src/caller.ts";
import { AuditEvent as AuditMessage } from "../../src/gen/signet/v1/audit.ts";

const root = join(import.meta.dirname, "..", "..");
const buf = join(root, "node_modules", ".bin", "buf");
const image = execFileSync(buf, ["build", "--as-file-descriptor-set", "-o", "-"], { cwd: root });
const schema = createFileRegistry(fromBinary(FileDescriptorSetSchema, image)).getMessage("signet.v1.AuditEvent");

const text = fc.string({ unit: "grapheme" });
const time = fc.integer({ min: 0, max: 4_000_000_000_000 });
const count = fc.nat({ max: Number.MAX_SAFE_INTEGER });
const unproven = fc.record({ name: fc.constant("" as const), proof: fc.constant("" as const), address: text });
const caller = fc.record({ name: text, proof: fc.constantFrom("mtls" as const, "unix" as const), address: text });
const texts = fc.array(text, { maxLength: 4 });
/** Claims: every number of a token is exact. `__proto__` is refused in requests. */
const object = fc
  .dictionary(text, fc.jsonValue({ maxDepth: 2, noUnicodeString: false, stringUnit: "grapheme" }), { maxKeys: 4 })
  .map((value) => JSON.parse(JSON.stringify(value)) as Record<string, unknown>);

const traceparent = fc.stringMatching(/^00-[\da-f]{32}-[\da-f]{16}-0[01]$/);

const anyFact: fc.Arbitrary<AuditEvent> = fc.oneof(
  fc.record({
    type: fc.constant("token.issued" as const),
    profile: text,
    tokenId: text,
    keyId: text,
    caller,
    subjectHash: text,
    audience: texts,
    issuedAt: time,
    expiresAt: fc.option(time, { nil: undefined }),
    requestId: text,
    tenant: text,
    extended: fc.boolean(),
    claims: fc.option(object, { nil: undefined }),
    claimsLeftOut: texts,
    claimsDigest: text,
    profileDigest: text,
    ttlSeconds: count,
    warnings: texts,
    subject: text,
  }),
  fc.record({
    type: fc.constant("token.denied" as const),
    profile: text,
    caller,
    reason: text,
    count,
    requestId: text,
  }),
  fc.record({
    type: fc.constant("token.rejected" as const),
    profile: text,
    reason: text,
    count,
    sample: fc.record({ caller: fc.oneof(caller, unproven), keyId: text, tokenId: text }),
  }),
  fc.record({
    type: fc.constant("session.opened" as const),
    profile: text,
    tenant: text,
    sessionId: text,
    tokenId: text,
    keyId: text,
    caller,
    gatewayId: text,
    connectionId: text,
    subjectHash: text,
    openSessions: fc.nat({ max: 10_000 }),
    maxSessions: fc.nat({ max: 10_000 }),
    deadline: fc.option(time, { nil: undefined }),
    subject: text,
  }),
  fc.record({
    type: fc.constant("session.closed" as const),
    profile: text,
    tenant: text,
    sessionId: text,
    keyId: text,
    caller: fc.oneof(
      caller,
      fc.record({ name: text, proof: fc.constant("" as const), address: fc.constant("" as const) }),
    ),
    gatewayId: text,
    reason: fc.constantFrom("CLOSED" as const, "LEASE_LAPSED" as const),
    openedAt: time,
  }),
  fc.record({
    type: fc.constant("token.withheld" as const),
    profile: text,
    tokenId: text,
    keyId: text,
    caller,
    tenant: text,
    reason: fc.constantFrom("NOT_ACKNOWLEDGED" as const, "CALL_ENDED" as const),
  }),
  fc.record({ type: fc.constant("session.refused" as const), profile: text, caller, reason: text, count }),
  fc.record({
    type: fc.constant("writer.opened" as const),
    origin: text,
    verifierKey: text,
    reason: fc.constantFrom(...OPENING_REASONS),
    predecessor: text,
    predecessorOrigin: text,
  }),
  fc.record({
    type: fc.constant("writer.closed" as const),
    reason: fc.constant("KEY_ROTATED" as const),
    successor: text,
    successorOrigin: text,
    successorVerifierKey: text,
  }),
  fc.record({ type: fc.constant("audit.alive" as const) }),
  fc.record({
    type: fc.constant("signatures.counted" as const),
    keys: fc.array(
      fc.record({
        keyId: text,
        signed: count,
        issued: count,
        withheld: count,
        unrecorded: count,
        selfTests: count,
        inFlight: count,
      }),
      { maxLength: 3 },
    ),
  }),
  fc.record({
    type: fc.constant("writer.retired" as const),
    retiredWriter: text,
    origin: text,
    verifierKey: text,
    caller,
    reason: text,
  }),
  fc.record({
    type: fc.constantFrom("access.denied" as const, "admin.failed" as const),
    method: text,
    profile: text,
    caller: fc.oneof(caller, unproven),
    reason: text,
    count,
  }),
  fc.record({
    type: fc.constantFrom("access.would_deny" as const, "access.would_allow" as const),
    method: text,
    profile: text,
    caller,
    group: text,
    count,
  }),
  fc.record({
    type: fc.constant("token.revoked" as const),
    profile: text,
    tenant: text,
    tokenIds: texts,
    subjectHash: text,
    issuedBefore: fc.option(time, { nil: undefined }),
    caller,
    reason: text,
    until: time,
    subject: text,
  }),
  fc.record({
    type: fc.constant("key.rotated" as const),
    keyset: text,
    keysetEpoch: count,
    added: texts,
    removed: texts,
    reason: text,
    caller,
    signingKeyId: text,
    signsFrom: fc.option(time, { nil: undefined }),
  }),
  fc.record({
    type: fc.constant("key.published" as const),
    keyset: text,
    profile: text,
    tenant: text,
    keyId: text,
    algorithm: text,
    jwk: fc.record({ kty: text, x: text, kid: text }),
    signsFrom: fc.option(time, { nil: undefined }),
  }),
  fc.record({
    type: fc.constant("key.imported" as const),
    profile: text,
    tenant: text,
    keyId: text,
    caller,
    algorithm: text,
    byteLength: fc.nat({ max: 4096 }),
    fingerprint: text,
    allowedWeak: fc.boolean(),
    overlapUntil: fc.option(time, { nil: undefined }),
  }),
  fc.record({
    type: fc.constant("key.revoked" as const),
    keyset: text,
    profile: text,
    tenant: text,
    keyId: text,
    signingKeyId: text,
    keysetEpoch: count,
    caller,
    reason: text,
  }),
  fc.record({
    type: fc.constant("configuration.changed" as const),
    configHash: text,
    policyDigest: text,
    profiles: texts,
    disabled: texts,
    replaced: texts,
    parts: fc.subarray(["profiles", "policy", "shadow", "grpc.tls", "http.tls"] as const),
  }),
  fc.record({
    type: fc.constant("service.started" as const),
    version: text,
    configHash: text,
    acceptedLosses: fc.array(text),
  }),
  fc.record({ type: fc.constant("service.stopped" as const), reason: text }),
);

const anyEvent = fc
  .tuple(anyFact, fc.option(traceparent, { nil: undefined }))
  .map(([fact, trace]): AuditEvent => (trace === undefined ? fact : { ...fact, traceparent: trace }));
const place = fc.record({
  writer: fc.stringMatching(/^[A-Za-z0-9_-]{1,64}$/),
  epoch: count,
  seq: count,
  prevHash: fc.uint8Array({ maxLength: 32 }),
  logIndex: count,
});

test("a body is the canonical JSON of its message for an independent implementation", (t) => {
  if (schema === undefined) return t.fail("the descriptor set has no signet.v1.AuditEvent");
  const property = fc.property(fc.uuid({ version: 7 }), time, place, anyEvent, (id, at, where, what) => {
    const body = JSON.parse(encodeEvent(id, at, where, what).toString());
    t.deepEqual(body, toJson(schema, fromJson(schema, body, { ignoreUnknownFields: false })));
  });
  fc.assert(property, { numRuns: 500, seed: seed(t) });
});

test("the generated code reads from a body exactly what was put in", (t) => {
  const property = fc.property(fc.uuid({ version: 7 }), time, place, anyEvent, (id, at, where, what) => {
    const event = AuditMessage.fromJSON(JSON.parse(encodeEvent(id, at, where, what).toString()));
    const { type, traceparent = "", ...fields } = what;
    const common = { eventId: id, time: new Date(at), writer: where.writer, prevHash: Buffer.from(where.prevHash) };
    t.like(event, { ...common, epoch: BigInt(where.epoch), seq: BigInt(where.seq), traceparent });
    t.is(event.logIndex, BigInt(where.logIndex));
    t.is(event.event?.$case, type.replace(/[._](.)/g, (_, letter: string) => letter.toUpperCase()) as never);
    t.deepEqual(event.event?.value as unknown, typed(flat(fields)));
  });
  fc.assert(property, { numRuns: 500, seed: seed(t) });
});

/** The caller as the three fields that the contract has for it. */
function flat(fields: object): object {
  if ("sample" in fields) {
    const { sample, ...rest } = fields;
    return flat({ ...rest, ...(sample as object) });
  }
  if (!("caller" in fields)) return fields;
  const { name = "", proof = "", address = "" } = (fields.caller ?? {}) as Partial<Caller>;
  return { ...fields, caller: name, callerProof: proof, callerAddress: address };
}

test("what publishing needs is the same before a body is written and when it is read back", (t) => {
  const property = fc.property(fc.uuid({ version: 7 }), time, place, anyEvent, (id, at, where, what) => {
    t.deepEqual(headerOf(id, at, where.writer, what), readHeader(encodeEvent(id, at, where, what)));
  });
  fc.assert(property, { numRuns: 500, seed: seed(t) });
});

function seed(t: ExecutionContext): number {
  const value = randomInt(2 ** 31);
  t.log(`seed ${value}`);
  return value;
}

// The generated types: times as dates, counts as bigint.
function typed(fields: object): object {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => {
      if (name === "keys") return [name, (value as object[]).map(typed)];
      // An int32, which is a number in the generated types too.
      if (["byteLength", "openSessions", "maxSessions"].includes(name)) return [name, value];
      if (name.endsWith("At") || ["overlapUntil", "issuedBefore", "until", "deadline", "signsFrom"].includes(name))
        return [name, value === undefined ? undefined : new Date(value)];
      return [name, typeof value === "number" ? BigInt(value) : value];
    }),
  );
}
