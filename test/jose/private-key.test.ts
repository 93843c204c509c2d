import { createPublicKey, generateKeyPairSync, type JsonWebKey, type KeyObject } from "node:crypto";
import test from "ava";
import { calculateJwkThumbprint } from "jose";
import { type Ed25519, OPENSSL } from "../../src/jose/ed25519/ed25519.ts";
import { privateSigningKey, readPrivateKey, thumbprintOf } from "../../src/jose/private-key.ts";
import { KEYSET_ALGORITHMS, type KeysetAlgorithm } from "../../src/keys/model.ts";
import { keyringCode } from "../support/keyring-code.ts";
import { jwkOf, pemOf, vendorKey } from "../support/tokens/vendor-keys.ts";

const data = Buffer.from("what is signed");
const KEYS = new Map(KEYSET_ALGORITHMS.map((alg) => [alg, vendorKey(alg)]));
const keyOf = (alg: KeysetAlgorithm): KeyObject => KEYS.get(alg) ?? vendorKey(alg);
const derOf = (alg: KeysetAlgorithm) => keyOf(alg).export({ format: "der", type: "pkcs8" });
const read = (jwk: JsonWebKey, alg: KeysetAlgorithm) => readPrivateKey({ form: "jwk", jwk: { ...jwk } }, alg);

for (const alg of KEYSET_ALGORITHMS) {
  test(`${alg}: PEM and JWK of a key are one key, which signs what it verifies, with a thumbprint as jose's`, async (t) => {
    const publicJwk = createPublicKey(keyOf(alg)).export({ format: "jwk" });
    const expected = { pkcs8: derOf(alg), byteLength: alg === "EdDSA" || alg === "ES256" ? 32 : 256, publicJwk };
    t.deepEqual(read(jwkOf(keyOf(alg)), alg), expected);
    t.deepEqual(readPrivateKey({ form: "pem", pem: pemOf(keyOf(alg)) }, alg), expected);
    const key = privateSigningKey("k", alg, derOf(alg), OPENSSL);
    t.deepEqual(key.publicJwk as object, publicJwk);
    const signature = key.sign(data);
    t.is(signature.length, key.signatureBytes);
    t.true(key.verify(data, signature));
    t.false(key.verify(Buffer.from("other"), signature));
    t.is(thumbprintOf(derOf(alg), alg), await calculateJwkThumbprint(publicJwk as { kty: string }));
  });

  test(`${alg}: the bytes of a key are overwritten when it is opened, and another algorithm's are KEY_MISMATCH`, (t) => {
    const bytes = derOf(alg);
    privateSigningKey("k", alg, bytes, OPENSSL);
    t.true(bytes.every((byte) => byte === 0));
    for (const other of KEYSET_ALGORITHMS) {
      const isSame = keyOf(other).asymmetricKeyType === keyOf(alg).asymmetricKeyType;
      t.is(
        keyringCode(() => privateSigningKey("k", other, derOf(alg), OPENSSL)),
        isSame ? "done" : "KEY_MISMATCH",
        other,
      );
    }
    t.is(
      keyringCode(() => privateSigningKey("k", alg, Buffer.from("rubbish"), OPENSSL)),
      "DAMAGED_KEY",
    );
  });
}

for (const [what, verifier] of [
  ["signs what its public key rejects", () => () => false],
  [
    "can't be used to verify",
    () => {
      throw new Error("no verifier");
    },
  ],
] as const)
  test(`a private key that ${what} is destroyed`, (t) => {
    let destroyed = 0;
    const ed25519: Ed25519 = {
      ...{ library: "OpenSSL", verifier },
      signer: (seed) => ({ ...OPENSSL.signer(seed), destroy: () => void destroyed++ }),
    };
    t.throws(() => privateSigningKey("k", "EdDSA", derOf("EdDSA"), ed25519));
    t.is(destroyed, 1);
    privateSigningKey("k", "EdDSA", derOf("EdDSA"), { ...ed25519, verifier: OPENSSL.verifier });
    t.is(destroyed, 1, "control: a good one stays open");
  });

const foreign = { RS256: vendorKey("RS256"), ES256: vendorKey("ES256"), EdDSA: vendorKey("EdDSA") };
for (const [alg, members] of [
  // Signatures of such RSA keys verify, because OpenSSL signs with p, q, dp, dq and qi alone or falls back to d.
  ["RS256", ["n", "e", "d", "p", "q", "dp", "dq", "qi"]],
  ["ES256", ["x", "y", "d"]],
  ["EdDSA", ["x", "d"]],
] as const)
  for (const member of members)
    test(`a JWK for ${alg} with another key's ${member} is refused`, (t) => {
      const other = member === "e" ? "Aw" : jwkOf(foreign[alg])[member];
      t.regex(String(read(jwkOf(keyOf(alg), { [member]: other }), alg)), /^contradicts itself|^can't be read/);
    });

for (const [what, key, alg, rule] of [
  ["RSA-PSS, whose parameters are its own", rsaPss(), "PS256", /type rsa-pss/],
  ["P-384", generateKeyPairSync("ec", { namedCurve: "P-384" }).privateKey, "ES256", /\(secp384r1\), and ES256 needs/],
  ["X25519", generateKeyPairSync("x25519").privateKey, "EdDSA", /type x25519, and EdDSA needs an Ed25519 key/],
] as const)
  test(`a private key is refused: ${what}`, (t) => {
    t.regex(String(readPrivateKey({ form: "pem", pem: pemOf(key) }, alg)), rule);
  });

for (const [what, changes, rule] of [
  ["an exponent of 1, with which anyone can sign", { e: "AQ", d: "AQ", dp: "AQ", dq: "AQ" }, /exponent 1\), and RS256/],
  ["a prime that is 1", { p: "AQ", q: jwkOf(keyOf("RS256")).n }, /^contradicts itself/],
  ["an even modulus, with which OpenSSL fails", evenRsa(), /^contradicts itself/],
] as const)
  test(`an RSA key is refused: ${what}`, (t) => {
    t.regex(String(read(jwkOf(keyOf("RS256"), changes), "RS256")), rule);
  });

test("a modulus that is no whole number of bytes counts the last one", (t) => {
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2052 });
  t.like(readPrivateKey({ form: "pem", pem: pemOf(privateKey) }, "RS256"), { byteLength: 257 });
  const key = privateSigningKey("k", "RS256", privateKey.export({ format: "der", type: "pkcs8" }), OPENSSL);
  t.is(key.sign(data).length, key.signatureBytes);
});

/** Members that are consistent with each other, of the factors 4 and an odd number. */
function evenRsa(): JsonWebKey {
  const numberOf = (text = "") => BigInt(`0x${Buffer.from(text, "base64url").toString("hex")}`);
  const text = (number: bigint) => {
    const hex = number.toString(16);
    return Buffer.from(hex.padStart(hex.length + (hex.length % 2), "0"), "hex").toString("base64url");
  };
  const q = numberOf(jwkOf(keyOf("RS256")).n);
  const e = 65_537n;
  const d = inverse(e, 3n * (q - 1n));
  const numbers = { n: 4n * q, e, d, p: 4n, q, dp: d % 3n, dq: d % (q - 1n), qi: inverse(q % 4n, 4n) };
  return Object.fromEntries(Object.entries(numbers).map(([name, number]) => [name, text(number)]));
}

/** The extended Euclidean algorithm. */
function inverse(number: bigint, modulus: bigint): bigint {
  let [rest, next, factor, nextFactor] = [number, modulus, 1n, 0n];
  while (next > 0n) {
    const quotient = rest / next;
    [rest, next] = [next, rest - quotient * next];
    [factor, nextFactor] = [nextFactor, factor - quotient * nextFactor];
  }
  return ((factor % modulus) + modulus) % modulus;
}

function rsaPss(): KeyObject {
  return generateKeyPairSync("rsa-pss", { modulusLength: 2048 }).privateKey;
}
