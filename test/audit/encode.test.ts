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
import { AuditEvent as AuditMessage } from "../../src/gen/signet/v1/audit.ts";

const root = join(import.meta.dirname, "..", "..");
const buf = join(root, "node_modules", ".bin", "buf");
const image = execFileSync(buf, ["build", "--as-file-descriptor-set", "-o", "-"], { cwd: root });
const schema = createFileRegistry(fromBinary(FileDescriptorSetSchema, image)).getMessage("signet.v1.AuditEvent");

const text = fc.string({ unit: "grapheme" });
const time = fc.integer({ min: 0, max: 4_000_000_000_000 });
const count = fc.nat({ max: Number.MAX_SAFE_INTEGER });
const texts = fc.array(text, { maxLength: 4 });

const anyEvent: fc.Arbitrary<AuditEvent> = fc.oneof(
  fc.record({
    type: fc.constant("token.issued" as const),
    profile: text,
    tokenId: text,
    keyId: text,
    caller: text,
    subjectHash: text,
    audience: texts,
    issuedAt: time,
    expiresAt: fc.option(time, { nil: undefined }),
    requestId: text,
    tenant: text,
    extended: fc.boolean(),
  }),
  fc.record({ type: fc.constant("token.denied" as const), profile: text, caller: text, reason: text, count }),
  fc.record({
    type: fc.constant("token.revoked" as const),
    profile: text,
    tenant: text,
    tokenIds: texts,
    subjectHash: text,
    issuedBefore: fc.option(time, { nil: undefined }),
    caller: text,
    reason: text,
    until: time,
  }),
  fc.record({
    type: fc.constant("key.rotated" as const),
    keyset: text,
    keysetEpoch: count,
    added: texts,
    removed: texts,
    reason: text,
    caller: text,
  }),
  fc.record({
    type: fc.constant("key.imported" as const),
    profile: text,
    tenant: text,
    keyId: text,
    caller: text,
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
    caller: text,
    reason: text,
  }),
  fc.record({
    type: fc.constant("configuration.changed" as const),
    configHash: text,
    profiles: texts,
    disabled: texts,
    replaced: texts,
  }),
  fc.record({
    type: fc.constant("service.started" as const),
    version: text,
    configHash: text,
    acceptedLosses: fc.array(text),
  }),
  fc.record({ type: fc.constant("service.stopped" as const), reason: text }),
);
const place = fc.record({
  writer: fc.stringMatching(/^[A-Za-z0-9_-]{1,64}$/),
  epoch: count,
  seq: count,
  prevHash: fc.uint8Array({ maxLength: 32 }),
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
    const { type, ...fields } = what;
    const common = { eventId: id, time: new Date(at), writer: where.writer, prevHash: Buffer.from(where.prevHash) };
    t.like(event, { ...common, epoch: BigInt(where.epoch), seq: BigInt(where.seq) });
    t.is(event.event?.$case, type.replace(/\.(.)/, (_, letter: string) => letter.toUpperCase()) as never);
    t.deepEqual(event.event?.value as unknown, typed(fields));
  });
  fc.assert(property, { numRuns: 500, seed: seed(t) });
});

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
      // An int32, which is a number in the generated types too.
      if (name === "byteLength") return [name, value];
      if (name.endsWith("At") || ["overlapUntil", "issuedBefore", "until"].includes(name))
        return [name, value === undefined ? undefined : new Date(value)];
      return [name, typeof value === "number" ? BigInt(value) : value];
    }),
  );
}
