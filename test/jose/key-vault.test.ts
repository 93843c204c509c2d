import { generateKeyPairSync } from "node:crypto";
import test from "ava";
import { CompactSign, calculateJwkThumbprint, compactVerify, createLocalJWKSet, exportJWK } from "jose";
import { type Keks, kekOf } from "../../src/jose/kek.ts";
import { createKeyVault, recordKeysOf } from "../../src/jose/key-vault.ts";
import { seal } from "../../src/jose/seal.ts";
import { KeyringError } from "../../src/keys/error.ts";
import type { KeyRecord } from "../../src/keys/rotating/record.ts";

const one = kekOf(Buffer.alloc(32, 1));
const two = kekOf(Buffer.alloc(32, 2));
const keks: Keks = [one];
const vault = createKeyVault(keks);
const times = { publishAt: 0, signFrom: 0, signUntil: 1, verifyUntil: 2 };

async function makeRecord(keyset = "service"): Promise<KeyRecord> {
  return { ...(await vault.make(keyset, "EdDSA")), alg: "EdDSA", since: 1, ...times };
}

async function codeOf(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => "opened",
    (error) => (error instanceof KeyringError ? error.code : String(error)),
  );
}

test("a kid is the first 16 characters of the RFC 7638 thumbprint, and the JWK has no private member", async (t) => {
  const { kid, publicJwk } = await makeRecord();
  t.is(kid, (await calculateJwkThumbprint({ ...publicJwk })).slice(0, 16));
  t.deepEqual(Object.keys(publicJwk).toSorted(), ["crv", "kty", "x"]);
});

test("every made key is another one", async (t) => {
  const made = await Promise.all(Array.from({ length: 20 }, () => makeRecord()));
  t.is(new Set(made.map(({ kid }) => kid)).size, 20);
});

test("jose verifies with the published JWK what an opened key signs, and the other way round", async (t) => {
  const record = await makeRecord();
  const signing = await vault.open("service", record);
  const input = `${Buffer.from(`{"alg":"EdDSA","kid":"${record.kid}"}`).toString("base64url")}.aGVsbG8`;
  const token = `${input}.${signing.sign(Buffer.from(input)).toString("base64url")}`;
  const jwks = createLocalJWKSet({ keys: [{ ...record.publicJwk, alg: "EdDSA", kid: record.kid, use: "sig" }] });
  const { payload } = await compactVerify(token, jwks, { algorithms: ["EdDSA"] });
  t.is(Buffer.from(payload).toString(), "hello");

  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  const { x = "" } = await exportJWK(publicKey);
  const theirs = await new CompactSign(Buffer.from("hi")).setProtectedHeader({ alg: "EdDSA" }).sign(privateKey);
  const [header, body, signature = ""] = theirs.split(".");
  const verifying = vault.verifying({
    kid: "abcdefghijklmnop",
    alg: "EdDSA",
    publicJwk: { kty: "OKP", crv: "Ed25519", x },
  });
  t.true(verifying.verify(Buffer.from(`${header}.${body}`), Buffer.from(signature, "base64url")));
  t.false(verifying.verify(Buffer.from(`${header}.Ym8`), Buffer.from(signature, "base64url")));
});

test("a signature of any other length does not verify, and does not throw", async (t) => {
  const record = await makeRecord();
  const signature = (await vault.open("service", record)).sign(Buffer.from("data"));
  const verifying = vault.verifying(record);
  t.true(verifying.verify(Buffer.from("data"), signature));
  for (let length = 0; length < 64; length++)
    t.false(verifying.verify(Buffer.from("data"), signature.subarray(0, length)));
  t.false(verifying.verify(Buffer.from("data"), Buffer.concat([signature, Buffer.alloc(1)])));
});

test("another KEK, a damaged, a swapped and a missing private key have different errors", async (t) => {
  const [record, other] = [await makeRecord(), await makeRecord()];
  const { sealed = "", ...spent } = record;
  t.is(await codeOf(createKeyVault([two]).open("service", record)), "WRONG_KEK");
  t.is(await codeOf(createKeyVault([two, one]).open("service", record)), "opened");
  t.is(await codeOf(vault.open("service", { ...record, sealed: sealed.slice(0, -4) })), "DAMAGED_KEY");
  t.is(await codeOf(vault.open("service", { ...record, sealed: other.sealed ?? "" })), "SWAPPED_KEY");
  t.is(await codeOf(vault.open("other", record)), "SWAPPED_KEY");
  t.is(await codeOf(vault.open("service", spent)), "DAMAGED_KEY");
});

test("a sealed private key that is sealed again opens only with the new KEK, and one that is under it already stays unchanged", async (t) => {
  const record = await makeRecord();
  const { sealed = "" } = record;
  t.is(await vault.reseal("service", { ...record, sealed }), sealed);
  const again = await createKeyVault([two, one]).reseal("service", { ...record, sealed });
  t.is(await codeOf(createKeyVault([two]).open("service", { ...record, sealed: again })), "opened");
  t.is(await codeOf(createKeyVault([two]).reseal("service", { ...record, sealed })), "WRONG_KEK");
  t.is(await codeOf(createKeyVault([two, one]).reseal("other", { ...record, sealed })), "SWAPPED_KEY");
});

test("a private key whose public key is not the published one is KEY_MISMATCH", async (t) => {
  const [record, other] = [await makeRecord(), await makeRecord()];
  t.is(await codeOf(vault.open("service", { ...record, publicJwk: other.publicJwk })), "KEY_MISMATCH");
});

test("a sealed private key that is not PKCS#8 is DAMAGED_KEY, and a key of another kind is not an Ed25519 key", async (t) => {
  const record = await makeRecord();
  const sealedAs = async (plaintext: Buffer) =>
    seal(plaintext, { keyset: "service", kid: record.kid, alg: "EdDSA" }, keks);
  const rubbish = { ...record, sealed: await sealedAs(Buffer.from("no key at all")) };
  t.is(await codeOf(vault.open("service", rubbish)), "DAMAGED_KEY");
  const x25519 = generateKeyPairSync("x25519").privateKey.export({ format: "der", type: "pkcs8" });
  t.is(await codeOf(vault.open("service", { ...record, sealed: await sealedAs(x25519) })), "KEY_MISMATCH");
});

test("a public JWK that is not a key is KEY_MISMATCH", (t) => {
  const bad = { kid: "abcdefghijklmnop", alg: "EdDSA", publicJwk: { kty: "OKP", crv: "Ed25519", x: "AAAA" } } as const;
  t.is(t.throws(() => vault.verifying(bad), { instanceOf: KeyringError })?.code, "KEY_MISMATCH");
});

test("records are authenticated by a key of their own for each KEK", (t) => {
  const [current, previous] = recordKeysOf([two, one]);
  t.is(current.kek, two.id);
  t.is(previous?.kek, one.id);
  t.not(current.mac("body"), previous?.mac("body"));
  t.is(current.mac("body"), recordKeysOf([two])[0].mac("body"));
});

test("a signature counts once it is made", async (t) => {
  const counted: string[] = [];
  const counting = createKeyVault(keks, (kid) => void counted.push(kid));
  const record = await makeRecord();
  const key = await counting.open("service", record);
  t.throws(() => key.sign(undefined as unknown as Buffer));
  t.deepEqual(counted, []);
  key.sign(Buffer.of(1));
  t.deepEqual(counted, [record.kid]);
});
