import type { ExecutionContext } from "ava";
import test from "ava";
import type { AuditEvent } from "../../../src/audit/event.ts";
import { RESERVE_BYTES, type SpoolOptions } from "../../../src/audit/spool/options.ts";
import type { Spool } from "../../../src/audit/spool/spool.ts";
import { HANGS_MS } from "../../support/bounded.ts";
import { LOOPBACK } from "../../support/caller.ts";
import { startForwarder } from "../../support/files/forwarder-fixture.ts";
import { issued, makeSpool, TIME } from "../../support/files/spool-fixture.ts";
import { tempFolder } from "../../support/files/temp.ts";
import { MemorySink } from "../../support/nats/memory-sink.ts";
import { waitUntil } from "../../support/wait-until.ts";

const full = { name: "AuditError", code: "FULL" };
const started: AuditEvent = { type: "service.started", version: "1.0.0", configHash: "hash", acceptedLosses: [] };
const denied: AuditEvent = {
  type: "token.denied",
  profile: "service",
  caller: LOOPBACK,
  reason: "X",
  count: 1,
  requestId: "",
};
const withheld: AuditEvent = {
  type: "token.withheld",
  profile: "service",
  tokenId: "token-1",
  keyId: "abcdefghijklmnop",
  caller: LOOPBACK,
  tenant: "",
  reason: "CALL_ENDED",
};
const rotated: AuditEvent = {
  type: "key.rotated",
  keyset: "service",
  keysetEpoch: 1,
  added: Array.from({ length: 4000 }, () => "abcdefghijklmnop"),
  removed: [],
  reason: "manual",
  caller: LOOPBACK,
  signingKeyId: "",
  signsFrom: undefined,
};

/** A spool's folder that takes no more tokens, and the spool that it is still open in. */
async function fullSpool(t: ExecutionContext): Promise<Spool & { readonly folder: string }> {
  const folder = await tempFolder(t);
  const spool = await makeSpool(t, { folder, segmentBytes: 1024, maxBytes: 4096 });
  const fill = async () => {
    for (;;) await spool.append(denied, TIME);
  };
  await t.throwsAsync(fill(), full);
  return Object.assign(spool, { folder });
}

async function reopened(t: ExecutionContext, overrides: Partial<SpoolOptions> = {}): Promise<Spool> {
  const first = await fullSpool(t);
  await first.close();
  return await makeSpool(t, { folder: first.folder, segmentBytes: 1024, maxBytes: 4096, ...overrides });
}

test("a full spool refuses events that calls cause in any number, and accepts those of keys, of the service and of withheld tokens", async (t) => {
  const spool = await fullSpool(t);
  const counted = { method: "ImportKey", profile: "", caller: LOOPBACK, reason: "X", count: 1 };
  const refused = (["access.denied", "admin.failed"] as const).map((type) => ({ type, ...counted }));
  const outcomes = await Promise.allSettled(
    [denied, started, issued(0), rotated, ...refused, withheld].map((one) => spool.append(one, TIME)),
  );
  t.deepEqual(
    outcomes.map((outcome) => (outcome.status === "fulfilled" ? "durable" : outcome.reason.code)),
    ["FULL", "durable", "FULL", "durable", "FULL", "FULL", "durable"],
  );
});

test("events beyond the limit have a limit of their own", async (t) => {
  const spool = await fullSpool(t);
  const fill = async () => {
    for (;;) await spool.append(rotated, TIME);
  };
  await t.throwsAsync(fill(), full);
  const { bytes } = await spool.depth();
  t.true(bytes > 4096 + RESERVE_BYTES / 2 && bytes <= 4096 + RESERVE_BYTES, `${bytes} bytes`);
});

test("a service whose spool is full starts, forwards what is there and issues again", async (t) => {
  const spool = await reopened(t);
  await spool.append(started, TIME);
  await t.throwsAsync(spool.append(issued(0), TIME), full);
  startForwarder(t, { spool, sink: new MemorySink(), horizonMs: 0 });
  await waitUntil("the spool has room", async () => (await spool.depth()).bytes < 2048);
  await t.notThrowsAsync(spool.append(issued(0), TIME));
});

test("refused events, however many, do not prolong the wait of a reader: it must go on to make room", async (t) => {
  const spool = await fullSpool(t);
  const { events: last } = await spool.depth();
  let over = false;
  const waiting = spool.changed(last, new AbortController().signal, 50).then(() => {
    over = true;
  });
  const until = performance.now() + HANGS_MS;
  while (!over && performance.now() < until) await t.throwsAsync(spool.append(issued(0), TIME), full);
  t.true(over);
  await spool.append(started, TIME);
  await waiting;
});

test("a spool that holds more than its limit takes events of the service, however low the limit was set", async (t) => {
  const first = await fullSpool(t);
  for (let i = 0; i < 10; i++) await first.append(rotated, TIME);
  await first.close();
  for (let start = 0; start < 3; start++) {
    const spool = await makeSpool(t, { folder: first.folder, segmentBytes: 1024, maxBytes: 2048 });
    await t.notThrowsAsync(spool.append({ ...rotated, reason: "held" }, TIME));
    await t.throwsAsync(spool.append(issued(0), TIME), full);
    await spool.close();
  }
});

test("a spool whose reserve was used up takes events of the service after the next start", async (t) => {
  const spool = await fullSpool(t);
  const fill = async () => {
    for (;;) await spool.append(rotated, TIME);
  };
  await t.throwsAsync(fill(), full);
  await spool.close();
  const next = await makeSpool(t, { folder: spool.folder, segmentBytes: 1024, maxBytes: 4096 });
  await t.notThrowsAsync(next.append(rotated, TIME));
});
