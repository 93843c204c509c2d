import { createPublicKey, verify } from "node:crypto";
import test from "ava";
import { makeAuditKey, openAuditKey, resealAuditKey } from "../../src/jose/audit-key.ts";
import { kekOf } from "../../src/jose/kek.ts";

const ORIGIN = "tokens.example.com/audit/5f0c6f4e";
const one = kekOf(Buffer.alloc(32, 1));
const two = kekOf(Buffer.alloc(32, 2));
const key = await makeAuditKey(ORIGIN, [one]);

test("an opened audit key signs what its stored public key verifies", async (t) => {
  const { publicKey, sign } = await openAuditKey(key, [one]);
  t.is(publicKey.toString("base64url"), key.publicKey);
  const publicJwk = createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x: key.publicKey }, format: "jwk" });
  const data = Buffer.from("a checkpoint");
  t.true(verify(null, data, publicJwk, sign(data)));
  t.false(verify(null, Buffer.from("another one"), publicJwk, sign(data)));
});

test("every audit key is another one, and the private key is stored sealed alone", async (t) => {
  const other = await makeAuditKey(ORIGIN, [one]);
  t.not(other.publicKey, key.publicKey);
  t.deepEqual(Object.keys(key).toSorted(), ["origin", "publicKey", "sealed"]);
});

test("an audit key under another KEK is refused", async (t) => {
  await t.throwsAsync(openAuditKey(key, [two]), { code: "WRONG_KEK" });
  await t.throwsAsync(resealAuditKey(key, [two]), { code: "WRONG_KEK" });
});

test("an audit key that is presented as that of another log or another key is refused", async (t) => {
  const other = await makeAuditKey(ORIGIN, [one]);
  await t.throwsAsync(openAuditKey({ ...key, origin: `${ORIGIN}0` }, [one]), { code: "SWAPPED_KEY" });
  await t.throwsAsync(openAuditKey({ ...key, publicKey: other.publicKey }, [one]), { code: "SWAPPED_KEY" });
});

test("a resealed audit key is the same key, and opens under the new KEK alone", async (t) => {
  const resealed = await resealAuditKey(key, [two, one]);
  t.is(resealed.publicKey, key.publicKey);
  t.is((await openAuditKey(resealed, [two])).publicKey.toString("base64url"), key.publicKey);
  await t.throwsAsync(openAuditKey(resealed, [one]), { code: "WRONG_KEK" });
});
