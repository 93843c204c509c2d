import { createHmac, createSecretKey, timingSafeEqual } from "node:crypto";
import { isMac, type MacAlgorithm } from "../keys/model.ts";
import type { ImportedKey, OnSigned, SecretVault } from "../keys/vault.ts";
import { OPENSSL } from "./ed25519/ed25519.ts";
import { deriveKey, type Keks } from "./kek.ts";
import { privateSigningKey, readPrivateKey, thumbprintOf } from "./private-key.ts";
import { seal, unseal } from "./seal.ts";

/** RFC 7518, 3.2. */
const HASHES = {
  HS256: { hash: "sha256", signatureBytes: 32 },
  HS384: { hash: "sha384", signatureBytes: 48 },
  HS512: { hash: "sha512", signatureBytes: 64 },
} as const satisfies Record<MacAlgorithm, object>;

/**
 * Seals and opens imported secrets under the KEKs. `onSigned` gets the kid of each signature for a token. `ed25519`
 * signs and verifies.
 */
export function createSecretVault(keks: Keks, onSigned: OnSigned = () => {}, ed25519 = OPENSSL): SecretVault {
  const fingerprintKey = deriveKey(keks[0], "secret fingerprint");

  return {
    seal: (text, { kid, alg, profile, tenant }) => seal(Buffer.from(text), { profile, tenant, kid, alg }, keks),
    open(sealed, { kid, alg, profile, tenant }) {
      const bytes = unseal(sealed, { profile, tenant, kid, alg }, keks);
      const text = bytes.toString();
      bytes.fill(0);
      return text;
    },
    fingerprint(alg, bytes) {
      const whole = isMac(alg)
        ? createHmac("sha256", fingerprintKey).update(bytes).digest("base64url")
        : thumbprintOf(bytes, alg);
      return whole.slice(0, 16);
    },
    key(kid, alg, bytes) {
      const key = isMac(alg) ? macKey(kid, alg, bytes) : privateSigningKey(kid, alg, bytes, ed25519);
      return {
        ...key,
        sign(data) {
          const signature = key.sign(data);
          onSigned(kid);
          return signature;
        },
      };
    },
    readPrivateKey,
  };
}

function macKey(kid: string, alg: MacAlgorithm, bytes: Buffer): ImportedKey {
  const key = createSecretKey(bytes);
  bytes.fill(0);
  const { hash, signatureBytes } = HASHES[alg];
  const sign = (data: Buffer): Buffer => createHmac(hash, key).update(data).digest();
  return {
    kid,
    alg,
    publicJwk: undefined,
    signatureBytes,
    sign,
    // OpenSSL overwrites it when the collector frees it.
    destroy: () => {},
    verify: (data, signature) => signature.length === signatureBytes && timingSafeEqual(signature, sign(data)),
  };
}
