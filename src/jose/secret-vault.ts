import { createHmac, createSecretKey, timingSafeEqual } from "node:crypto";
import type { SecretId, SecretVault } from "../keys/vault.ts";
import { deriveKey, type Keks } from "./kek.ts";
import { type Binding, seal, unseal } from "./seal.ts";

/** Seals and opens imported secrets under the KEKs. */
export function createSecretVault(keks: Keks): SecretVault {
  const fingerprintKey = deriveKey(keks[0], "secret fingerprint");

  return {
    seal: (text, id) => seal(Buffer.from(text), bindingOf(id), keks),
    open(sealed, id) {
      const bytes = unseal(sealed, bindingOf(id), keks);
      const text = bytes.toString();
      bytes.fill(0);
      return text;
    },
    fingerprint: (bytes) => createHmac("sha256", fingerprintKey).update(bytes).digest("base64url").slice(0, 16),
    key(kid, bytes) {
      const key = createSecretKey(bytes);
      bytes.fill(0);
      const sign = (data: Buffer): Buffer => createHmac("sha256", key).update(data).digest();
      return {
        kid,
        alg: "HS256",
        sign,
        verify(data, signature) {
          const expected = sign(data);
          return signature.length === expected.length && timingSafeEqual(signature, expected);
        },
      };
    },
  };
}

function bindingOf({ profile, tenant, kid }: SecretId): Binding {
  return { profile, tenant, kid, alg: "HS256" };
}
