import { createHash, createPrivateKey, generateKeyPairSync } from "node:crypto";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { loadKek } from "../../src/jose/kek-source.ts";
import { recordKeysOf } from "../../src/jose/key-vault.ts";
import { unseal } from "../../src/jose/seal.ts";
import { KeyringError } from "../../src/keys/error.ts";
import { keysetRecords } from "../../src/keys/rotating/parse-record.ts";
import type { EpochRecord, KeyRecord } from "../../src/keys/rotating/record.ts";
import { unwrapRecord, wrapRecord } from "../../src/keys/store/authenticated-record.ts";
import { openFileKeyValue } from "../../src/state/file.ts";
import { tempFolder } from "../support/files/temp.ts";
import { verdictOf } from "../support/profiles/dialect.ts";
import { issue, startService, verify } from "../support/service/service.ts";
import { forge } from "../support/tokens/foreign-token.ts";

const EPOCH = "keys/service/epoch/1";
const L = 2n ** 252n + 27742317777372353535851937790883648493n;

const littleEndian = (bytes: Buffer) => BigInt(`0x${Buffer.from(bytes).reverse().toString("hex")}`);
const bytesOf = (number: bigint) => Buffer.from(number.toString(16).padStart(64, "0"), "hex").reverse();
const sha512 = (...parts: readonly Buffer[]) => createHash("sha512").update(Buffer.concat(parts)).digest();

/** The points of small order as libsodium lists them, each with both signs; the last two are not canonical. */
const SMALL_ORDER = [
  "0000000000000000000000000000000000000000000000000000000000000000",
  "0100000000000000000000000000000000000000000000000000000000000000",
  "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
  "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
  "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
].flatMap((hex) => {
  const [plain, signed] = [Buffer.from(hex, "hex"), Buffer.from(hex, "hex")];
  signed[31] = (signed[31] ?? 0) | 0x80;
  return [plain, signed];
});

/** Opens the stored ring with the KEK beside it, as who has the whole machine could, and stores what `edit` returns. */
async function editRing(data: string, edit: (record: EpochRecord) => EpochRecord) {
  const keks = [await loadKek(join(data, "kek"))] as const;
  const recordKeys = recordKeysOf(keks);
  const store = await openFileKeyValue(join(data, "state", "state.db"), Date.now);
  const entry = await store.get(EPOCH);
  if (entry === undefined) throw new Error("the first epoch is stored");
  const record = unwrapRecord(entry.value, keysetRecords("service"), 1, recordKeys);
  await store.update(EPOCH, wrapRecord(edit(record), recordKeys), entry.revision);
  await store.close();
  return { record, keks };
}

/** A service that was stopped once, a token of it, and the key that signed it with its secret scalar. */
async function holderOfTheKey(t: ExecutionContext) {
  const data = await tempFolder(t);
  const first = await startService(t, { data });
  const { token, keyId: kid } = await issue(first);
  await first.app.stop("SIGTERM");
  const { record, keks } = await editRing(data, (same) => same);
  const sealed = record.keys.find((key) => key.kid === kid)?.sealed ?? "";
  const der = unseal(sealed, { keyset: "service", kid, alg: "EdDSA" }, keks);
  const privateKey = createPrivateKey({ key: der, format: "der", type: "pkcs8" });
  const { d = "", x = "" } = privateKey.export({ format: "jwk" });
  const expanded = sha512(Buffer.from(d, "base64url"));
  const scalar = expanded.subarray(0, 32);
  scalar[0] = (scalar[0] ?? 0) & 248;
  scalar[31] = ((scalar[31] ?? 0) & 127) | 64;
  const input = token.slice(0, token.lastIndexOf("."));
  const key = { a: littleEndian(scalar), prefix: expanded.subarray(32), point: Buffer.from(x, "base64url") };
  return { token, input, ...key, service: await startService(t, { data }) };
}

test("no token is valid whose signature has R of small order or S out of range, even by the holder of the key", async (t) => {
  const { service, token, input, a, prefix, point } = await holderOfTheKey(t);
  const message = Buffer.from(input);
  const honest = Buffer.from(token.slice(token.lastIndexOf(".") + 1), "base64url");
  t.is(verdictOf(await verify(service, token)), "valid");
  const verdictFor = async (signature: Buffer) =>
    verdictOf(await verify(service, `${input}.${signature.toString("base64url")}`));

  // RFC 8032, 5.1.6: S = r + h·a. With r = 0, R is the neutral element, and the equation of verifying holds.
  const sOf = (r: bigint, encoded: Buffer) => bytesOf((r + littleEndian(sha512(encoded, point, message)) * a) % L);
  const craft = (r: Buffer) => Buffer.concat([r, sOf(0n, r)]);
  for (const r of SMALL_ORDER) t.is(await verdictFor(craft(r)), "BAD_SIGNATURE", r.toString("hex"));
  // Negative control: with the r of RFC 8032, the same numbers make the signature that is valid.
  const [r, R] = [littleEndian(sha512(prefix, message)) % L, honest.subarray(0, 32)];
  t.is(await verdictFor(Buffer.concat([R, sOf(r, R)])), "valid");

  const s = littleEndian(honest.subarray(32));
  for (const larger of [s + L, s + 2n * L, L, 2n ** 256n - 1n])
    t.is(await verdictFor(Buffer.concat([honest.subarray(0, 32), bytesOf(larger)])), "BAD_SIGNATURE", String(larger));
});

/** A key that only verifies, as a retired one. */
function retiredKey(x: Buffer, { publishAt }: KeyRecord): KeyRecord {
  const times = { publishAt: 0, signFrom: 1, signUntil: publishAt, verifyUntil: publishAt + 3_600_000 };
  const publicJwk = { kty: "OKP", crv: "Ed25519", x: x.toString("base64url") } as const;
  return { kid: "retiredretired00", alg: "EdDSA", publicJwk, ...times, since: 1 };
}

/** The data of a service that was stopped, and a function that puts such a key into its ring. */
async function stoppedService(t: ExecutionContext) {
  const data = await tempFolder(t);
  await (await startService(t, { data })).app.stop("SIGTERM");
  const addKey = (x: Buffer) =>
    editRing(data, (record) => {
      const own = record.keys.filter(({ sealed }) => sealed !== undefined);
      return { ...record, keys: [...own, ...own.slice(0, 1).map((key) => retiredKey(x, key))] };
    });
  return { data, addKey };
}

test("a ring that holds a public key of small order, or one that is not canonical, is not loaded", async (t) => {
  const { data, addKey } = await stoppedService(t);
  const notCanonical = Buffer.from(`ef${"ff".repeat(30)}7f`, "hex");
  for (const x of [...SMALL_ORDER.slice(2, 5), ...SMALL_ORDER.slice(-2), notCanonical]) {
    await addKey(x);
    const refusal = await t.throwsAsync(startService(t, { data }), { instanceOf: KeyringError }, x.toString("hex"));
    t.is(refusal.code, "KEY_MISMATCH");
    t.regex(refusal.message, /key retiredretired00/);
  }
});

test("negative control: a ring that holds an honest public key in the same place is loaded, and the key verifies", async (t) => {
  const { publicKey, privateKey } = generateKeyPairSync("ed25519");
  const x = Buffer.from(publicKey.export({ format: "jwk" }).x ?? "", "base64url");
  const { data, addKey } = await stoppedService(t);
  await addKey(x);
  const service = await startService(t, { data });
  const { token } = await issue(service);
  const [, payload = ""] = token.split(".");
  const claims: unknown = JSON.parse(Buffer.from(payload, "base64url").toString());
  const forged = forge({ alg: "EdDSA", kid: "retiredretired00", typ: "at+jwt" }, claims, privateKey);
  t.is(verdictOf(await verify(service, forged)), "valid");
});
