import {
  createHmac,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
  verify,
} from "node:crypto";
import { calculateJwkThumbprint } from "jose";
import type { RecordKeys } from "../keyring/envelope.ts";
import { KeyringError } from "../keyring/error.ts";
import type { KeyMaker, SigningKey, VerifyingKey } from "../keyring/key-maker.ts";
import type { KeyRecord, PublicJwk } from "../keyring/record.ts";
import { deriveKey, type Kek, type Keks } from "./kek.ts";
import { seal, unseal } from "./seal.ts";

/** Makes keys whose private halves leave this process sealed only, under the first of the KEKs. */
export function createVault(keks: Keks): KeyMaker {
  return {
    async make(keyset, alg) {
      const { privateKey, publicKey } = generateKeyPairSync("ed25519");
      const publicJwk = publicJwkOf(publicKey);
      const kid = (await calculateJwkThumbprint({ ...publicJwk })).slice(0, 16);
      const plaintext = privateKey.export({ format: "der", type: "pkcs8" });
      const sealed = await seal(plaintext, { keyset, kid, alg }, keks);
      plaintext.fill(0);
      return { kid, publicJwk, sealed };
    },
    async open(keyset, { kid, alg, sealed, publicJwk }) {
      const where = `key ${kid} of keyset ${keyset}`;
      if (sealed === undefined) throw new KeyringError("DAMAGED_KEY", `${where} has no private half`);
      const plaintext = await unseal(sealed, { keyset, kid, alg }, keks);
      const privateKey = importPrivate(plaintext, where);
      if (publicJwkOf(createPublicKey(privateKey)).x !== publicJwk.x) {
        throw new KeyringError(
          "KEY_MISMATCH",
          `${where}: its private half has another public half than the published one`,
        );
      }
      return signingKey(kid, alg, privateKey);
    },
    verifying: verifyingKey,
  };
}

/** The keys that authenticate epoch records, one for each KEK. */
export function recordKeysOf([current, ...previous]: Keks): RecordKeys {
  return [recordKey(current), ...previous.map(recordKey)];
}

function recordKey(kek: Kek): RecordKeys[number] {
  const key = deriveKey(kek, "record mac");
  return { kek: kek.id, mac: (body) => createHmac("sha256", key).update(body).digest("base64url") };
}

// One-shot and synchronous: a third of the cost of a library's promise, on the path of every token.
function signingKey(kid: string, alg: KeyRecord["alg"], privateKey: KeyObject): SigningKey {
  return { kid, alg, sign: (data) => sign(null, data, privateKey) };
}

function verifyingKey({ kid, alg, publicJwk }: Pick<KeyRecord, "kid" | "alg" | "publicJwk">): VerifyingKey {
  const publicKey = importPublic(kid, publicJwk);
  return { kid, alg, verify: (data, signature) => verify(null, data, publicKey, signature) };
}

function importPublic(kid: string, publicJwk: PublicJwk): KeyObject {
  try {
    return createPublicKey({ key: { ...publicJwk }, format: "jwk" });
  } catch (cause) {
    throw new KeyringError("KEY_MISMATCH", `key ${kid}: its public half is no Ed25519 key`, { cause });
  }
}

function importPrivate(plaintext: Uint8Array, where: string): KeyObject {
  const der = Buffer.from(plaintext.buffer, plaintext.byteOffset, plaintext.byteLength);
  try {
    return createPrivateKey({ key: der, format: "der", type: "pkcs8" });
  } catch {
    // Without its cause: OpenSSL's errors may quote what they read.
    throw new KeyringError("DAMAGED_KEY", `${where}: what was sealed is no PKCS#8 key`);
  } finally {
    der.fill(0);
  }
}

function publicJwkOf(publicKey: KeyObject): PublicJwk {
  const { kty, crv, x } = publicKey.export({ format: "jwk" });
  if (kty !== "OKP" || crv !== "Ed25519" || x === undefined)
    throw new KeyringError("KEY_MISMATCH", `the key is no Ed25519 key`);
  return { kty, crv, x };
}
