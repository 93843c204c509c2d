import { createHmac } from "node:crypto";
import test from "ava";
import type { KeyringError } from "../../src/keys/error.ts";
import { type RecordKeys, wrapBody } from "../../src/keys/store/authenticated-record.ts";
import { createAuditWriters } from "../../src/replica/audit-writers.ts";
import type { KeyValue } from "../../src/state/keyvalue.ts";
import { createMemoryKeyValue } from "../../src/state/memory.ts";

const keyOf = (kek: string) => ({
  kek,
  mac: (body: string) => createHmac("sha256", kek).update(body).digest("base64url"),
});
const KEYS: RecordKeys = [keyOf("kek-1")];

function open(store: KeyValue = createMemoryKeyValue(() => 0), recordKeys = KEYS) {
  let time = 100;
  const strays: KeyringError[] = [];
  const onStray = (error: KeyringError) => void strays.push(error);
  return { ...createAuditWriters({ store, recordKeys, now: () => time++, onStray }), store, strays };
}

const logOf = (writer: string) => ({ writer, origin: `h/audit/${writer}`, verifierKey: `h/audit/${writer}+00+AA` });

test("writers are listed in the order in which they were registered, and registering again changes nothing", async (t) => {
  const writers = open();
  await writers.register(logOf("b"));
  await writers.register(logOf("a"));
  const listed = await writers.list();
  t.deepEqual(
    listed.map(({ writer, state }) => [writer, state]),
    [
      ["b", "active"],
      ["a", "active"],
    ],
  );
  await writers.register(logOf("b"));
  t.deepEqual(await writers.list(), listed);
});

test("a writer ends once, and one that writes again is active", async (t) => {
  const writers = open();
  await writers.register(logOf("a"));
  const closed = await writers.end("a", "closed");
  t.is(closed?.state, "closed");
  t.is(typeof closed?.endedAt, "number");
  t.deepEqual(await writers.end("a", "retired"), closed);
  t.is(await writers.end("unknown", "retired"), undefined);
  await writers.register(logOf("a"));
  const [again] = await writers.list();
  t.like(again, { state: "active", endedAt: undefined, registeredAt: closed?.registeredAt });
});

test("a record that is forged, or that of another writer, names no key to auditors", async (t) => {
  const writers = open();
  const { store, strays } = writers;
  const record = { kind: "signet audit writer", ...logOf("evil"), state: "active", registeredAt: 1 };
  await store.create("audit/writers/evil", wrapBody(JSON.stringify(record), [keyOf("another")]));
  await store.create("audit/writers/moved", wrapBody(JSON.stringify(record), KEYS));
  t.deepEqual(await writers.list(), []);
  t.deepEqual(
    strays.map(({ code }) => code),
    ["WRONG_KEK", "BROKEN_RECORD"],
  );
  // Negative control: at its own place, under the right key, it counts.
  await store.create("audit/writers/evil2", wrapBody(JSON.stringify({ ...record, writer: "evil2" }), KEYS));
  t.deepEqual(
    (await writers.list()).map(({ writer }) => writer),
    ["evil2"],
  );
});

test("when the KEK is exchanged, the first replica that registers puts every record under the new one", async (t) => {
  const before = open();
  await before.register(logOf("gone"));
  await before.end("gone", "closed");
  await before.register(logOf("a"));
  const between = open(before.store, [keyOf("kek-2"), keyOf("kek-1")]);
  await between.register(logOf("a"));
  const after = open(before.store, [keyOf("kek-2")]);
  t.deepEqual(
    (await after.list()).map(({ writer, state }) => [writer, state]),
    [
      ["gone", "closed"],
      ["a", "active"],
    ],
  );
  t.deepEqual(after.strays, []);
});
