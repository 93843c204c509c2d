import { generateKeyPairSync } from "node:crypto";
import test from "ava";
import { secretParts } from "./secret-parts.ts";

const { privateKey, publicKey } = generateKeyPairSync("ed25519");
const jwk = privateKey.export({ format: "jwk" });
const d = Buffer.from(`${jwk.d}`, "base64url");
const pem = privateKey.export({ type: "pkcs8", format: "pem" }).toString();

test("of a private key, in PEM or as a JWK, the private members are secret, and not how it begins", (t) => {
  t.deepEqual(secretParts(pem), [d]);
  t.deepEqual(secretParts(JSON.stringify({ alg: "EdDSA", ...jwk })), [d]);
});

test("of a secret in a JWK its value is secret, and any other text is secret as a whole", (t) => {
  t.deepEqual(secretParts('{"kty":"oct","k":"AQID"}'), [Buffer.from([1, 2, 3])]);
  t.deepEqual(secretParts("a shared secret"), [Buffer.from("a shared secret")]);
  t.deepEqual(secretParts("12345678901234567890"), [Buffer.from("12345678901234567890")]);
});

test("a private key that can't be read is secret but for its armour, and a certificate and a public key are not", (t) => {
  const damaged = secretParts(pem.replace("MC4C", "AAAA"));
  t.is(damaged.length, 1);
  t.false(Buffer.from(damaged[0] ?? []).includes("BEGIN"));
  t.deepEqual(secretParts("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"), []);
  t.deepEqual(secretParts(publicKey.export({ type: "spki", format: "pem" }).toString()), []);
  t.deepEqual(secretParts(JSON.stringify(publicKey.export({ format: "jwk" }))), []);
});
