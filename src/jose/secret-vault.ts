import { createHmac, createSecretKey, timingSafeEqual } from "node:crypto";
import { isMac, type MacAlgorithm } from "../keys/model.ts";
import type { SecretVault, SigningKey, VerifyingKey } from "../keys/vault.ts";
import { deriveKey, type Keks } from "./kek.ts";
import { privateSigningKey, readPrivateKey, thumbprintOf } from "./private-key.ts";
import { seal, unseal } from "./seal.ts";

/** RFC 7518, 3.2. */
const HASHES = {
  HS256: { hash: "sha256", signatureBytes: 32 },
  HS384: { hash: "sha384", signatureBytes: 48 },
  HS512: { hash: "sha512", signatureBytes: 64 },
} as const satisfies Record<MacAlgorithm, object>;

/** Seals and opens imported secrets under the KEKs. */
export function createSecretVault(keks: Keks): SecretVault {
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
    key: (kid, alg, bytes) => (isMac(alg) ? macKey(kid, alg, bytes) : privateSigningKey(kid, alg, bytes)),
    readPrivateKey,
  };
}

function macKey(kid: string, alg: MacAlgorithm, bytes: Buffer): SigningKey & VerifyingKey {
  const key = createSecretKey(bytes);
  bytes.fill(0);
  const { hash, signatureBytes } = HASHES[alg];
  const sign = (data: Buffer): Buffer => createHmac(hash, key).update(data).digest();
  return {
    kid,
    alg,
    signatureBytes,
    sign,
    verify: (data, signature) => signature.length === signatureBytes && timingSafeEqual(signature, sign(data)),
  };
}
