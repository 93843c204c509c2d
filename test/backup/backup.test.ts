import { createHash } from "node:crypto";
import test from "ava";
import { BackupError, encodeBackup } from "../../src/backup/archive.ts";
import { createBackup, readBackup, restoreBackup } from "../../src/backup/backup.ts";
import { kekOf } from "../../src/jose/kek.ts";
import { createSecretVault } from "../../src/jose/secret-vault.ts";
import { KeyringError } from "../../src/keys/error.ts";
import { openKeyring } from "../../src/keys/rotating/keyring.ts";
import { wrapRecord } from "../../src/keys/store/authenticated-record.ts";
import { createAuditWriters } from "../../src/replica/audit-writers.ts";
import { parseRevocation, storeRevocations } from "../../src/revoke/revocation.ts";
import type { KeyValue } from "../../src/state/keyvalue.ts";
import { createMemoryKeyValue } from "../../src/state/memory.ts";
import { acme, input, lookUp, newSecret, openReplica } from "../keys/imported/secrets-under-test.ts";
import { makeOptions, underKeks } from "../keys/rotating/keyring-under-test.ts";
import { policy, start } from "../keys/rotating/ring-under-test.ts";
import { pemOf, vendorKey } from "../support/tokens/vendor-keys.ts";

const emptyStore = (): KeyValue => createMemoryKeyValue(() => start);

function toolsUnder(...names: [string, ...string[]]) {
  const { options } = makeOptions(underKeks(...names));
  const [first, ...others] = names.map((name) => kekOf(createHash("sha256").update(name).digest()));
  if (first === undefined) throw new Error("a KEK is needed");
  return { ...options, vault: createSecretVault([first, ...others]) };
}

const TOOLS = toolsUnder("one");

/** A store with a keyset of several epochs, a tenant's secret, and a revocation. */
async function filledStore() {
  const { options, clock } = makeOptions();
  const keyring = await openKeyring(options);
  clock.now += policy.period + 1;
  await keyring.maintain();
  const secret = newSecret();
  const replica = await openReplica(options.store);
  await replica.import(secret, { keyId: "k1" });
  const privateKey = { profile: "vendor", tenant: "acme", algorithm: "EdDSA", encoding: undefined };
  await replica.import(pemOf(vendorKey("EdDSA")), { ...privateKey, keyId: "k2" });
  const revoked = {
    kind: "token",
    profile: "service",
    tenant: "",
    tokenId: "t-1",
    at: start,
    until: clock.now + 10,
  } as const;
  await storeRevocations(options.store, [revoked]);
  return { store: options.store, keyring, secret, revoked, now: clock.now };
}

const all = (store: KeyValue) => store.list("");
/** The rings byte for byte, and which revocations there are. */
const contents = async (store: KeyValue) =>
  (await all(store))
    .map(({ key, value }) => (key.startsWith("revoked/") ? key : `${key} ${Buffer.from(value).toString()}`))
    .toSorted();

const restored = async (store: KeyValue, file: Uint8Array, tools: typeof TOOLS, now: number) =>
  restoreBackup(store, await readBackup(file, tools), now);

async function codeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
    return "done";
  } catch (error) {
    return error instanceof BackupError || error instanceof KeyringError ? error.code : String(error);
  }
}

test("what was exported from one store serves from another: keys, secrets and revocations", async (t) => {
  const { store, keyring, secret, revoked, now } = await filledStore();
  const signer = keyring.signer(now);
  const signature = signer?.sign(input) ?? Buffer.alloc(0);
  const { file, rings, revocations } = await createBackup(store, TOOLS, now);
  t.deepEqual(
    [rings.map(({ name }) => name), revocations],
    [
      ["keyset service", "the secrets of profile hivekit and a tenant", "the secrets of profile vendor and a tenant"],
      1,
    ],
  );

  const other = emptyStore();
  t.like(await restored(other, file, TOOLS, now), { revocations: 1 });
  t.deepEqual(await contents(other), await contents(store));
  const after = await openKeyring({ ...makeOptions({ store: other }).options, now: () => now });
  t.is(after.epoch, keyring.epoch);
  t.is(after.signer(now)?.kid, signer?.kid);
  const found = after.verifier(signer?.kid ?? "", now);
  t.true(found.state === "ok" && found.key.verify(input, signature));
  t.is(lookUp(await openReplica(other), "k1", secret), "verifies");
  const [entry] = await other.list("revoked/");
  t.deepEqual(entry && parseRevocation(entry), revoked);
  t.is(entry?.expiresAt, revoked.until);
});

test("a backup holds no private key and no secret that is not sealed, and names no tenant to people", async (t) => {
  const { store, secret, now } = await filledStore();
  const { file, rings } = await createBackup(store, TOOLS, now);
  const { body } = JSON.parse(file.toString());
  const values = JSON.parse(body).entries.map(({ value }: { value: string }) =>
    Buffer.from(value, "base64url").toString(),
  );
  t.true(values.length >= 4);
  for (const value of values) {
    t.false(value.includes(secret));
    t.notRegex(value, /PRIVATE KEY|"d":/);
  }
  t.false(JSON.stringify(rings.map(({ name }) => name)).includes(acme.tenant));
});

test("a second restore of the same backup, and one after a restore that was cut off, change nothing but what is absent", async (t) => {
  const { store, now } = await filledStore();
  const { file } = await createBackup(store, TOOLS, now);
  const other = emptyStore();
  const creating = other.create;
  let left = 2;
  const dying: KeyValue = {
    ...other,
    create: async (...args) => {
      if (left-- === 0) throw new Error("killed");
      return creating(...args);
    },
  };
  t.is(await codeOf(restored(dying, file, TOOLS, now)), "Error: killed");
  t.true((await all(other)).length > 0);
  for (let again = 0; again < 2; again++) {
    t.is(await codeOf(restored(other, file, TOOLS, now)), "done");
    t.deepEqual(await contents(other), await contents(store));
  }
});

test("a store that has newer epochs than the backup is not set back", async (t) => {
  const { store, keyring, now } = await filledStore();
  const { file } = await createBackup(store, TOOLS, now);
  const later = now + policy.period;
  const { options } = makeOptions({ store, now: () => later });
  t.true((await openKeyring(options)).epoch > keyring.epoch);
  const before = await contents(store);
  t.is(await codeOf(restored(store, file, TOOLS, now)), "NEWER");
  t.deepEqual(await contents(store), before);
});

test("no part of a store that holds another ring is overwritten", async (t) => {
  const { store, now } = await filledStore();
  const { file } = await createBackup(store, TOOLS, now);
  const other = emptyStore();
  await openKeyring(makeOptions({ store: other }).options);
  const before = await contents(other);
  t.is(await codeOf(restored(other, file, TOOLS, now)), "EXISTS");
  t.deepEqual(await contents(other), before);
});

test("a ring that another process makes during the restore wins, and the restore says so", async (t) => {
  const { store, now } = await filledStore();
  const { file } = await createBackup(store, TOOLS, now);
  const other = emptyStore();
  const racing: KeyValue = {
    ...other,
    async create(key, value, options) {
      if (key === "keys/service/epoch/1") await other.create(key, Buffer.from("another ring"));
      return other.create(key, value, options);
    },
  };
  t.is(await codeOf(restored(racing, file, TOOLS, now)), "EXISTS");
  t.is(Buffer.from((await other.get("keys/service/epoch/1"))?.value ?? []).toString(), "another ring");
});

test("a backup under another KEK is refused, and taken when that KEK is the previous one", async (t) => {
  const { store, now } = await filledStore();
  const { file } = await createBackup(store, TOOLS, now);
  const other = emptyStore();
  t.is(await codeOf(restored(other, file, toolsUnder("two"), now)), "WRONG_KEK");
  t.deepEqual(await contents(other), []);
  t.is(await codeOf(restored(other, file, toolsUnder("two", "one"), now)), "done");
});

test("a store without keys has no backup, and one with a ring that does not open has none either", async (t) => {
  t.is(await codeOf(createBackup(emptyStore(), TOOLS, start)), "NOTHING");
  const { store, now } = await filledStore();
  const entry = (await store.list("keys/")).find(({ value }) => value.byteLength > 0);
  if (entry === undefined) throw new Error("there is a ring");
  await store.update(
    entry.key,
    Buffer.from(entry.value.map((byte, at) => (at === 200 ? byte ^ 1 : byte))),
    entry.revision,
  );
  t.is(await codeOf(createBackup(store, TOOLS, now)), "BROKEN_RECORD");
});

test("strays in the store are no part of a backup, and keep nothing from being backed up", async (t) => {
  const { store, now } = await filledStore();
  const clean = await createBackup(store, TOOLS, now);
  const garbage = Buffer.from("garbage");
  const strays = ["keys/service/epoch/3", "keys/service/epoch/999", "keys/service/epoch/x", "keys/x", "secrets/x/y"];
  for (const key of strays) await store.create(key, garbage);
  const { rings, file } = await createBackup(store, TOOLS, now);
  t.deepEqual(rings, clean.rings);
  t.is(await codeOf(restored(emptyStore(), file, TOOLS, now)), "done");
  await store.create("keys/service/epoch/4", wrapRecord({ epoch: 4 }, toolsUnder("two").recordKeys));
  t.is(await codeOf(createBackup(store, TOOLS, now)), "WRONG_KEK", "there may be a newer epoch");
});

test("a revocation that has ended is not restored, and one that reaches further is not shortened", async (t) => {
  const { store, revoked, now } = await filledStore();
  const { file } = await createBackup(store, TOOLS, now);
  const ended = emptyStore();
  await restored(ended, file, TOOLS, revoked.until);
  t.deepEqual(await ended.list("revoked/"), []);
  const longer = emptyStore();
  await storeRevocations(longer, [{ ...revoked, until: revoked.until + 5 }]);
  await restored(longer, file, TOOLS, now);
  t.is((await longer.list("revoked/"))[0]?.expiresAt, revoked.until + 5);
});

test("a backup that is changed, cut off, lacks an entry or is not a backup is refused, and nothing is written", async (t) => {
  const { store, now } = await filledStore();
  const { file } = await createBackup(store, TOOLS, now);
  const { kek, mac, body } = JSON.parse(file.toString());
  const { entries, ...rest } = JSON.parse(body);
  const robbed = JSON.stringify({ kek, mac, body: JSON.stringify({ ...rest, entries: entries.slice(0, -1) }) });
  const record = wrapRecord({ epoch: 1 }, TOOLS.recordKeys);
  const flips = Array.from({ length: file.length }, (_, at) =>
    Buffer.from(file.map((byte, i) => (i === at ? byte ^ 1 : byte))),
  );
  const cuts = Array.from({ length: 200 }, (_, at) => file.subarray(0, Math.floor((at * file.length) / 200)));
  const other = emptyStore();
  for (const spoilt of [...flips, ...cuts, Buffer.from(robbed), record, Buffer.alloc(0)]) {
    const code = await codeOf(restored(other, spoilt, TOOLS, now));
    t.true(code === "BROKEN_RECORD" || code === "WRONG_KEK", code);
  }
  t.deepEqual(await contents(other), []);
});

test("entries that belong to no ring are refused although the MAC is good", async (t) => {
  const forged = (key: string) => encodeBackup([{ key, value: Buffer.alloc(0) }], start, TOOLS.recordKeys);
  for (const key of ["keys/service/epoch/x", "keys/service/1", "elsewhere/service/epoch/1", "secrets/p/q/epoch/0"])
    t.is(await codeOf(restored(emptyStore(), forged(key), TOOLS, start)), "BROKEN_RECORD", key);
});

test("the writers of the audit log are restored with their keys and ends, and none that is running or forged", async (t) => {
  const { store, now } = await filledStore();
  const writersIn = (of: KeyValue) =>
    createAuditWriters({ store: of, recordKeys: TOOLS.recordKeys, now: () => now, onStray: () => undefined });
  for (const writer of ["gone", "running"])
    await writersIn(store).register({ writer, origin: `host/audit/${writer}`, verifierKey: `key of ${writer}` });
  await writersIn(store).end("gone", "retired");
  const before = await writersIn(store).list();
  await store.create("audit/writers/forged", Buffer.from("{}"));
  const { file } = await createBackup(store, TOOLS, now);

  const empty = emptyStore();
  t.deepEqual(await writersIn(empty).list(), [], "control");
  await restored(empty, file, TOOLS, now);
  t.deepEqual(await writersIn(empty).list(), before);
  t.is(await empty.get("audit/writers/forged"), undefined);

  const used = emptyStore();
  const renewed = { writer: "running", origin: "host/audit/running", verifierKey: "a later key" };
  await writersIn(used).register(renewed);
  await restored(used, file, TOOLS, now);
  t.like(await writersIn(used).find("running"), renewed, "what the store has is not overwritten");
  t.like(await writersIn(used).find("gone"), { state: "retired" });
});
