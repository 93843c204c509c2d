import { createPrivateKey, createPublicKey, type KeyObject } from "node:crypto";
import { KeyringError } from "../keys/error.ts";
import type { KeysetAlgorithm, PublicJwk } from "../keys/model.ts";
import { SCHEMES } from "./schemes.ts";

interface KeyPair {
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
  readonly publicJwk: PublicJwk;
}

/**
 * Opens a private key in PKCS#8 (RFC 5958), as it was sealed. Throws the {@link KeyringError} DAMAGED_KEY, and
 * KEY_MISMATCH for a key of another algorithm. `where` begins the message.
 */
export function openPkcs8(pkcs8: Buffer, alg: KeysetAlgorithm, where: string): KeyPair {
  const privateKey = parse(pkcs8, where);
  const publicKey = createPublicKey(privateKey);
  return { privateKey, publicKey, publicJwk: publicJwkOf(publicKey, alg, where) };
}

/** As {@link openPkcs8}, and overwrites the bytes, also when it throws. */
export function consumePkcs8(pkcs8: Buffer, alg: KeysetAlgorithm, where: string): KeyPair {
  try {
    return openPkcs8(pkcs8, alg, where);
  } finally {
    pkcs8.fill(0);
  }
}

function parse(pkcs8: Buffer, where: string): KeyObject {
  try {
    return createPrivateKey({ key: pkcs8, format: "der", type: "pkcs8" });
  } catch {
    // No cause: OpenSSL's errors may quote what they read.
    throw new KeyringError("DAMAGED_KEY", `${where}: the sealed bytes are no PKCS#8 key`);
  }
}

/** Throws KEY_MISMATCH for a key of another algorithm than its record says: no verifier accepts what it signs. */
export function publicJwkOf(publicKey: KeyObject, alg: KeysetAlgorithm, where: string): PublicJwk {
  const publicJwk = SCHEMES[alg].jwkOf(publicKey);
  if (publicJwk === undefined) throw new KeyringError("KEY_MISMATCH", `${where} is not a key for ${alg}`);
  return publicJwk;
}
