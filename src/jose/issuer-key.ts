import type { webcrypto } from "node:crypto";
import { type CryptoKey, compactVerify, errors, importJWK, type JWK } from "jose";
import type { ImportKey } from "../callers/issuer-keys.ts";

/** The least that RFC 7518, 3.3 and 3.5 allow, and the most that takes no noticeable time to verify with. */
const RSA_BITS = { least: 2048, most: 8192 } as const;

/**
 * Imports the public key of another issuer. Its tokens are verified by jose, not by the code that verifies Signet's
 * own: they may have algorithms that Signet does not sign with, and a fault in one is not a fault in both.
 */
export const importIssuerKey: ImportKey = async (jwk, alg) => {
  const key = await importPublic(jwk, alg);
  return async (token) => {
    try {
      await compactVerify(token, key, { algorithms: [alg] });
      return true;
    } catch (error) {
      if (error instanceof errors.JOSEError) return false;
      throw error;
    }
  };
};

async function importPublic(jwk: JWK, alg: string): Promise<CryptoKey> {
  let key: CryptoKey | Uint8Array;
  try {
    key = await importJWK(jwk, alg);
  } catch {
    // No cause: it may quote the document.
    throw new Error(`is not a key for ${alg}`);
  }
  if (key instanceof Uint8Array || key.type !== "public") throw new Error("is not a public key");
  checkRsa(key);
  return key;
}

function checkRsa({ algorithm }: CryptoKey): void {
  const { modulusLength, publicExponent } = algorithm as Partial<webcrypto.RsaKeyAlgorithm>;
  if (modulusLength === undefined) return;
  const { least, most } = RSA_BITS;
  if (modulusLength < least || modulusLength > most)
    throw new Error(`has an RSA modulus of ${modulusLength} bits: from ${least} to ${most} are allowed`);
  // With the exponent 1 a signature is the padded hash itself, which anyone can write (RFC 8017, 3.1).
  if (exponentOf(publicExponent) < 3n) throw new Error("has an RSA exponent below 3");
}

function exponentOf(bytes: Uint8Array | undefined): bigint {
  return BigInt(`0x${Buffer.from(bytes ?? []).toString("hex") || "0"}`);
}
