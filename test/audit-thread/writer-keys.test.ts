import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { parseVerifierKey } from "../../src/audit/checkpoint/note.ts";
import { holdsAuditKeys, prepareWriterKeys, WriterKeys } from "../../src/audit-thread/writer-keys.ts";
import { type Keks, kekOf } from "../../src/jose/kek.ts";
import { tempFolder } from "../support/files/temp.ts";

const one = kekOf(Buffer.alloc(32, 1));
const two = kekOf(Buffer.alloc(32, 2));
const HOST = "tokens.example.com:8443";

async function makeKeys(t: ExecutionContext, keks: Keks = [one]) {
  const folder = await tempFolder(t);
  return { folder, keys: new WriterKeys(folder, HOST, keks), file: join(folder, "w1.audit-key.json") };
}

test("the key of a writer is made once, under the host of the issuer", async (t) => {
  const { keys, folder } = await makeKeys(t);
  t.false(await holdsAuditKeys(folder));
  const log = await keys.logOf("w1");
  t.is(log.origin, `${HOST}/audit/w1`);
  t.is(parseVerifierKey(log.verifierKey).name, log.origin);
  t.true(await holdsAuditKeys(folder));
  t.deepEqual(await keys.logOf("w1"), log);
  t.notDeepEqual(await keys.logOf("w2"), log);
  const opened = await keys.open("w1");
  t.deepEqual(opened?.publicKey, parseVerifierKey(log.verifierKey).publicKey);
});

test("the origin stays when the issuer moves", async (t) => {
  const { keys, folder } = await makeKeys(t);
  const log = await keys.logOf("w1");
  t.deepEqual(await new WriterKeys(folder, "elsewhere.example", [one]).logOf("w1"), log);
});

test("a writer without a key has none, and a removed key is gone", async (t) => {
  const { keys, folder } = await makeKeys(t);
  t.is(await keys.open("w1"), undefined);
  await keys.logOf("w1");
  await keys.remove("w1");
  t.is(await keys.open("w1"), undefined);
  t.deepEqual(await readdir(folder), []);
});

test("a KEK is exchanged, and the audit key stays", async (t) => {
  const { keys, folder } = await makeKeys(t);
  const log = await keys.logOf("w1");
  await prepareWriterKeys(folder, [two, one], false);
  await prepareWriterKeys(folder, [two], false);
  t.deepEqual(await new WriterKeys(folder, HOST, [two]).logOf("w1"), log);
  // Negative control: it is no longer under the old one.
  await t.throwsAsync(prepareWriterKeys(folder, [one], false), { name: "KeyringError", code: "WRONG_KEK" });
});

test("a key under a foreign KEK is refused, and put aside alone where the loss of all keys was accepted", async (t) => {
  const { keys, folder, file } = await makeKeys(t);
  await keys.logOf("w1");
  await t.throwsAsync(prepareWriterKeys(folder, [two], false), { name: "KeyringError", code: "WRONG_KEK" });
  t.true(await holdsAuditKeys(folder));
  await prepareWriterKeys(folder, [two], true);
  t.false(await holdsAuditKeys(folder));
  t.true((await readFile(`${file}.lost`, "utf8")).includes("sealed"));
});

test("a damaged key file is refused, whatever loss was accepted", async (t) => {
  const { keys, folder, file } = await makeKeys(t);
  await keys.logOf("w1");
  const text = await readFile(file, "utf8");
  await writeFile(file, text.slice(0, 40));
  await t.throwsAsync(prepareWriterKeys(folder, [one], true), { name: "KeyringError", code: "DAMAGED_KEY" });
  await t.throwsAsync(keys.logOf("w1"), { name: "KeyringError", code: "DAMAGED_KEY" });
  await rm(file);
  await t.notThrowsAsync(prepareWriterKeys(folder, [one], false));
});
