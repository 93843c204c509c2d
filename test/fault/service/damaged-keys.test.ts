import { randomBytes } from "node:crypto";
import { chmod, copyFile, mkdir, readFile, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import test from "ava";
import { createKekFile, loadKek } from "../../../src/jose/kek-source.ts";
import { createKeyVault, recordKeysOf } from "../../../src/jose/key-vault.ts";
import { KeyringError } from "../../../src/keys/error.ts";
import { openKeyring } from "../../../src/keys/rotating/keyring.ts";
import type { EpochRecord } from "../../../src/keys/rotating/record.ts";
import { wrapRecord } from "../../../src/keys/store/authenticated-record.ts";
import { openFileKeyValue } from "../../../src/state/file.ts";
import { type KeyValue, StateError } from "../../../src/state/keyvalue.ts";
import { createMemoryKeyValue } from "../../../src/state/memory.ts";
import { makeOptions, underKeks } from "../../keys/rotating/keyring-under-test.ts";
import { policy, start } from "../../keys/rotating/ring-under-test.ts";
import { tempFolder } from "../../support/files/temp.ts";
import { boundByRounds, rounds } from "../../support/rounds.ts";
import { seededRandom } from "../../support/seeded-random.ts";
import { signetProcess } from "../../support/service/command-line.ts";
import { spawnService } from "../../support/service/service-process.ts";

const KEY = "keys/service/epoch/1";

type Open = typeof openKeyring;

/** A ring's stored record, and the kids in it. */
async function storedRing(keyset = "service") {
  const { options } = makeOptions({ keyset });
  const keyring = await openKeyring(options);
  const entry = await options.store.get(`keys/${keyset}/epoch/1`);
  if (entry === undefined) throw new Error("the first epoch is stored");
  return { value: Buffer.from(entry.value), kids: keyring.list(start).map(({ kid }) => kid) };
}

/**
 * What opening a ring over this value comes to: the code of the refusal, or the kids that it then has. "new ring" when
 * anything was stored beside the value or over it.
 */
async function outcomeOf(value: Uint8Array, open: Open = openKeyring, keks: [string, ...string[]] = ["one"]) {
  const store = createMemoryKeyValue(() => start);
  await store.create(KEY, value);
  const outcome = await open({ ...makeOptions({ store }).options, ...underKeks(...keks) }).then(
    (keyring) => keyring.list(start).map(({ kid }) => kid),
    (error: unknown) => {
      if (error instanceof KeyringError) return error.code;
      throw error;
    },
  );
  const after = await store.list("");
  const untouched = after.length === 1 && Buffer.compare(after[0]?.value ?? Buffer.alloc(0), value) === 0;
  return untouched ? outcome : "new ring";
}

/** A byte's every lowest and highest bit, and all of it. */
const FLIPS = [0x01, 0x80, 0xff];

function flipped(value: Buffer, at: number, bits: number): Buffer {
  const spoilt = Buffer.from(value);
  spoilt[at] = (spoilt[at] ?? 0) ^ bits;
  return spoilt;
}

test("a record with any byte flipped is refused, and no ring is made over it", async (t) => {
  const { value } = await storedRing();
  for (let at = 0; at < value.length; at++)
    for (const bits of FLIPS) {
      const outcome = await outcomeOf(flipped(value, at, bits));
      if (outcome !== "BROKEN_RECORD") t.fail(`byte ${at} ^ ${bits}: ${outcome}`);
    }
  t.pass();
});

test("a record that is cut off at any length is refused, and no ring is made over it", async (t) => {
  const { value, kids } = await storedRing();
  for (let length = 0; length < value.length; length++)
    t.is(await outcomeOf(value.subarray(0, length)), "BROKEN_RECORD");
  t.deepEqual(await outcomeOf(value), kids, "the whole of it opens");
});

test("control: a keyring that treats unreadable records as absent is detected", async (t) => {
  const { value } = await storedRing();
  const careless: Open = (options) =>
    openKeyring(options).catch(() => {
      const readsNothing: KeyValue = {
        ...options.store,
        list: async () => [],
        create: (key, content) => options.store.create(key.replace(/1$/, "2"), content),
      };
      return openKeyring({ ...options, store: readsNothing });
    });
  t.is(await outcomeOf(flipped(value, 500, 1), careless), "new ring");
});

test("a ring under another KEK is refused, and opens when that KEK is the one before", async (t) => {
  const { value, kids } = await storedRing();
  t.is(await outcomeOf(value, openKeyring, ["two"]), "WRONG_KEK");
  t.deepEqual(await outcomeOf(value, openKeyring, ["two", "one"]), kids);
});

test("exchanged parts are refused even under a good MAC", async (t) => {
  const { options } = makeOptions();
  const { value } = await storedRing();
  const other = await storedRing("euler-stream");
  t.is(await outcomeOf(other.value), "BROKEN_RECORD", "the record of another keyset");
  const record = JSON.parse(JSON.parse(value.toString()).body) as EpochRecord;
  t.is(await outcomeOf(wrapRecord({ ...record, epoch: 7 }, options.recordKeys)), "BROKEN_RECORD", "another epoch");
  const sealed = record.keys.map((key) => key.sealed);
  const exchange = (change: (key: EpochRecord["keys"][number], index: number) => object) =>
    outcomeOf(
      wrapRecord(
        { ...record, keys: record.keys.map((key, index) => ({ ...key, ...change(key, index) })) } as never,
        options.recordKeys,
      ),
    );
  t.is(
    await exchange((_, index) => ({ sealed: sealed[sealed.length - 1 - index] })),
    "SWAPPED_KEY",
    "two private keys",
  );
  const foreign = JSON.parse(JSON.parse(other.value.toString()).body) as EpochRecord;
  t.is(
    await exchange((_, index) => ({ sealed: foreign.keys[index]?.sealed })),
    "SWAPPED_KEY",
    "those of another keyset",
  );
  t.is(
    await exchange((_, index) => ({ publicJwk: foreign.keys[index]?.publicJwk })),
    "KEY_MISMATCH",
    "the public keys",
  );
});

test("a sealed private key with any byte changed is refused although the record's MAC is good", async (t) => {
  const { options } = makeOptions();
  const { value } = await storedRing();
  const record = JSON.parse(JSON.parse(value.toString()).body) as EpochRecord;
  const [first, ...others] = record.keys;
  const sealed = first?.sealed ?? "";
  const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  const codes = new Set<unknown>();
  for (let at = 0; at < sealed.length; at++) {
    const before = alphabet.indexOf(sealed[at] ?? "");
    // The high bit of a character: the unused low bits of a part's last one say nothing.
    const after = before === -1 ? "A" : (alphabet[before ^ 0x20] ?? "");
    const spoilt = { ...first, sealed: sealed.slice(0, at) + after + sealed.slice(at + 1) };
    const outcome = await outcomeOf(wrapRecord({ ...record, keys: [spoilt, ...others] } as never, options.recordKeys));
    codes.add(outcome);
    if (!["DAMAGED_KEY", "WRONG_KEK", "SWAPPED_KEY", "BROKEN_RECORD"].includes(String(outcome)))
      t.fail(`character ${at}: ${outcome}`);
  }
  t.true(codes.has("DAMAGED_KEY"));
});

/** A ring in a state file, under the KEK of a file beside it. */
async function ringOnDisk(t: Parameters<typeof tempFolder>[0]) {
  const folder = await tempFolder(t);
  const [kek, file] = [join(folder, "kek"), join(folder, "state", "state.db")];
  await createKekFile(kek);
  const open = async (path = file) => {
    const keks = [await loadKek(kek)] as const;
    const store = await openFileKeyValue(path, () => start);
    try {
      const overrides = { store, maker: createKeyVault(keks), recordKeys: recordKeysOf(keks), randomBytes };
      return (await openKeyring(makeOptions(overrides).options)).list(start).map(({ kid }) => kid);
    } finally {
      store.close();
    }
  };
  return { folder, kek, file, open, kids: await open() };
}

const codeOf = (error: unknown): string => {
  if (error instanceof KeyringError && error.cause instanceof StateError) return error.cause.code;
  if (error instanceof Error && "code" in error) return String(error.code);
  throw error;
};

test("a state file with flipped bytes either opens with the same ring or is refused, and is never filled again", async (t) => {
  const { folder, file, open, kids } = await ringOnDisk(t);
  const whole = await readFile(file);
  boundByRounds(t);
  const random = seededRandom(t);
  const spoiltFolder = join(folder, "spoilt");
  await mkdir(spoiltFolder, { mode: 0o700 });
  const codes = new Map<string, number>();
  for (let round = 0; round < rounds(400); round++) {
    const at = random(0, whole.length);
    const path = join(spoiltFolder, `${round}.db`);
    await writeFile(path, flipped(whole, at, FLIPS[round % FLIPS.length] ?? 1), { mode: 0o600 });
    const outcome = await open(path).catch(codeOf);
    const code = typeof outcome === "string" ? outcome : "same ring";
    codes.set(code, (codes.get(code) ?? 0) + 1);
    if (typeof outcome !== "string") t.deepEqual(outcome, kids, `byte ${at}`);
    else t.regex(outcome, /^(CORRUPT|BROKEN_RECORD|WRONG_KEK)$/, `byte ${at}`);
  }
  t.log(JSON.stringify(Object.fromEntries(codes)));
  t.true((codes.get("CORRUPT") ?? 0) > 0);
});

test("a state file that is cut off is refused, or has lost nothing, and no new one is made", async (t) => {
  const { folder, file, open, kids } = await ringOnDisk(t);
  const { length } = await readFile(file);
  const path = join(folder, "cut.db");
  const lengths = Array.from({ length: 64 }, (_, index) => Math.floor((index * length) / 64));
  for (const cut of [...lengths, length - 1]) {
    await copyFile(file, path);
    await truncate(path, cut);
    for (let again = 0; again < 2; again++) {
      const outcome = await open(path).catch(codeOf);
      // What is missing of the last page may have been empty; a read in its middle may fail.
      if (typeof outcome !== "string") t.deepEqual(outcome, kids, `${cut} of ${length} bytes`);
      else t.regex(outcome, /^(CORRUPT|UNAVAILABLE)$/, `${cut} of ${length} bytes`);
    }
    // Of nothing SQLite makes an empty page, which is no store either.
    if (cut > 0) t.is((await readFile(path)).length, cut);
  }
});

test("a KEK file with any byte flipped, or cut off at any length, never opens another ring", async (t) => {
  const { kek, open, kids } = await ringOnDisk(t);
  const whole = await readFile(kek);
  const spoilt = [
    ...Array.from({ length: whole.length }, (_, at) => FLIPS.map((bits) => flipped(whole, at, bits))).flat(),
    ...Array.from({ length: whole.length }, (_, length) => whole.subarray(0, length)),
  ];
  for (const content of spoilt) {
    await writeFile(kek, content);
    const outcome = await open().catch(codeOf);
    // The line break at the end is no part of it.
    if (content.toString("latin1").trimEnd() === whole.toString("latin1").trimEnd()) t.deepEqual(outcome, kids);
    else t.regex(String(outcome), /^(KEK_ENCODING|KEK_LENGTH|WRONG_KEK)$/, content.toString("latin1"));
  }
  await writeFile(kek, whole);
  t.deepEqual(await open(), kids, "nothing was made over the ring");
});

test("a KEK or a state that others may read is refused in every such mode", async (t) => {
  const { kek, file, open, kids } = await ringOnDisk(t);
  for (const bits of [0o004, 0o002, 0o001]) {
    for (const [path, code] of [
      [kek, "KEK_EXPOSED"],
      [file, "EXPOSED"],
    ] as const) {
      await chmod(path, 0o600 | bits);
      t.is(await open().catch(codeOf), code, bits.toString(8));
      await chmod(path, 0o600);
    }
  }
  t.deepEqual(await open(), kids);
});

test("a process over a damaged ring ends with 65 or 74 each time, and comes back with the same keys", async (t) => {
  const data = await tempFolder(t);
  await (await spawnService(t, { data })).stop();
  const file = join(data, "state", "state.db");
  const whole = await readFile(file);
  const value = await newestRecord(file);
  const random = seededRandom(t);
  for (let damaged = 0; damaged < 3; ) {
    // Pages that SQLite no longer uses may hold the same bytes: all of them are damaged.
    const spoilt = damagedEverywhere(whole, value.subarray(random(0, value.length - 32)).subarray(0, 32));
    if (spoilt.equals(whole)) continue;
    damaged += 1;
    await writeFile(file, spoilt);
    const { code, stderr } = await signetProcess(["serve"], { data });
    t.true(code === 65 || code === 74, `${code} ${stderr}`);
    t.deepEqual(await readFile(file), spoilt);
  }
  await writeFile(file, whole);
  const again = await spawnService(t, { data });
  t.is(await again.stop(), 0);
  t.false(
    again.log.some(({ event }) => event === "keys.rotated"),
    "no new ring was made",
  );
});

test("a first ring is on disk whole or not at all: opening again finds the same one", async (t) => {
  const { open, kids } = await ringOnDisk(t);
  t.true(kids.length > 0 && policy.period > 0);
  for (let again = 0; again < 3; again++) t.deepEqual(await open(), kids);
});

/** The record of the newest epoch, as it is stored. */
async function newestRecord(file: string): Promise<Buffer> {
  const store = await openFileKeyValue(file, () => start);
  try {
    return Buffer.from((await store.list("keys/service/")).at(-1)?.value ?? []);
  } finally {
    store.close();
  }
}

/** The first byte of each place where the part stands; none where it goes over the end of a page. */
function damagedEverywhere(whole: Buffer, part: Uint8Array): Buffer {
  let spoilt = whole;
  for (let at = whole.indexOf(part); at !== -1; at = whole.indexOf(part, at + 1)) spoilt = flipped(spoilt, at, 0xff);
  return spoilt;
}
