import { createHash, generateKeyPairSync } from "node:crypto";
import test from "ava";
import { IssuerKeysError } from "../../src/callers/issuer-keys.ts";
import { type KeyRules, readJwks } from "../../src/callers/jwks.ts";
import { importIssuerKey } from "../../src/jose/issuer-key.ts";
import { ISSUER_ALGORITHMS } from "../../src/keys/model.ts";

const SIG: KeyRules = { use: "sig", useOptional: true, algorithms: ISSUER_ALGORITHMS };
const EC = generateKeyPairSync("ec", { namedCurve: "P-256" });
const EC_JWK = { ...EC.publicKey.export({ format: "jwk" }), kid: "ec" };
const RSA = generateKeyPairSync("rsa", { modulusLength: 2048 });
const RSA_JWK = { ...RSA.publicKey.export({ format: "jwk" }), kid: "rsa" };

function read(keys: readonly unknown[], rules: KeyRules = SIG, known?: Parameters<typeof readJwks>[3]) {
  return readJwks(Buffer.from(JSON.stringify({ keys })), rules, importIssuerKey, known);
}

test("a key verifies with each allowed algorithm that fits it", async (t) => {
  const { keys, refused } = await read([EC_JWK, RSA_JWK, { ...RSA_JWK, kid: "ps", alg: "PS256", use: "sig" }]);
  t.deepEqual(refused, []);
  t.deepEqual([...(keys.get("ec")?.verifiers.keys() ?? [])], ["ES256"]);
  t.deepEqual([...(keys.get("ps")?.verifiers.keys() ?? [])], ["PS256"]);
  t.deepEqual([...(keys.get("rsa")?.verifiers.keys() ?? [])], ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"]);
});

const weak = generateKeyPairSync("rsa", { modulusLength: 1024 }).publicKey.export({ format: "jwk" });
/** A modulus of 2048 bits that no key has. */
const modulus = Buffer.concat([Buffer.from([0xff]), ...Array(8).fill(createHash("sha256").update("n").digest())]);
const NO_FIT = `fits none of ${ISSUER_ALGORITHMS.join(", ")} by its kty, crv and alg`;
const BAD_KID = "has a bad kid, which must be 1 to 255 characters of printable ASCII without white space";

for (const [what, jwk, reason] of [
  ["a private key", { ...EC.privateKey.export({ format: "jwk" }), kid: "x" }, "holds private members"],
  ["a symmetric key", { kty: "oct", k: "AAAA", kid: "x" }, "holds private members"],
  ["a key to encrypt", { ...RSA_JWK, kid: "x", use: "enc" }, "is not for use sig"],
  ["a key that must not verify", { ...EC_JWK, kid: "x", key_ops: ["encrypt"] }, "has no key_ops to verify"],
  ["a key of another algorithm", { ...RSA_JWK, kid: "x", alg: "RSA-OAEP" }, NO_FIT],
  ["a curve for another algorithm", { ...EC_JWK, kid: "x", alg: "ES384" }, NO_FIT],
  ["an unknown kty", { kty: "AKP", kid: "x" }, NO_FIT],
  ["a point beside its curve", { ...EC_JWK, kid: "x", x: EC_JWK.y }, "is not a key for ES256"],
  ["a short RSA key", { ...weak, kid: "x" }, "has an RSA modulus of 1024 bits: from 2048 to 8192 are allowed"],
  [
    "the RSA exponent 1",
    { kty: "RSA", n: modulus.toString("base64url"), e: "AQ", kid: "x" },
    "has an RSA exponent below 3",
  ],
  ["no kid", { ...EC_JWK, kid: undefined }, BAD_KID],
  ["a kid with a space", { ...EC_JWK, kid: "a b" }, BAD_KID],
] as const)
  test(`${what} is refused with the reason, beside a key that is good`, async (t) => {
    const { keys, refused } = await read([jwk, EC_JWK]);
    t.deepEqual([...keys.keys()], ["ec"]);
    t.deepEqual(
      refused.map((one) => one.reason),
      [reason],
    );
  });

test("of two keys with one kid none counts", async (t) => {
  const { keys, refused } = await read([EC_JWK, { ...RSA_JWK, kid: "ec" }, RSA_JWK]);
  t.deepEqual([...keys.keys()], ["rsa"]);
  const reason = "shares its kid with another one";
  t.deepEqual(refused, [
    { kid: "ec", reason },
    { kid: "ec", reason },
  ]);
});

test("in a SPIFFE bundle only keys for JWT-SVIDs count", async (t) => {
  const bundle: KeyRules = { use: "jwt-svid", useOptional: false, algorithms: ["ES256"] };
  const { keys, refused } = await read(
    [
      { ...EC_JWK, use: "jwt-svid" },
      { ...EC_JWK, kid: "x" },
    ],
    bundle,
  );
  t.deepEqual([...keys.keys()], ["ec"]);
  t.deepEqual(refused, [{ kid: "x", reason: "is not for use jwt-svid" }]);
});

test("a key that is published again is the same object", async (t) => {
  const before = await read([EC_JWK]);
  const after = await read([RSA_JWK, EC_JWK], SIG, before.keys);
  t.is(after.keys.get("ec"), before.keys.get("ec"));
  const changed = await read([{ ...EC_JWK, use: "sig" }], SIG, before.keys);
  t.not(changed.keys.get("ec"), before.keys.get("ec"));
});

for (const [what, text] of [
  ["no JSON", "<html>"],
  ["a list", "[]"],
  ["no keys", "{}"],
  ["keys that are no objects", '{"keys":["a"]}'],
  ["keys twice", '{"keys":[],"keys":[]}'],
  ["too many keys", JSON.stringify({ keys: Array(101).fill(EC_JWK) })],
] as const)
  test(`a document with ${what} is no JWK Set`, async (t) => {
    await t.throwsAsync(readJwks(Buffer.from(text), SIG, importIssuerKey), {
      instanceOf: IssuerKeysError,
      code: "NOT_A_JWKS",
    });
  });
