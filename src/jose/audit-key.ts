import { calculateJwkThumbprint } from "jose";
import { KeyringError } from "../keys/error.ts";
import type { Keks } from "./kek.ts";
import { consumePkcs8, publicJwkOf } from "./pkcs8.ts";
import { SCHEMES } from "./schemes.ts";
import { reseal, seal, unseal } from "./seal.ts";

/** The Ed25519 key of an audit log, as it is stored. */
export interface StoredAuditKey {
  /** The name of the log, to which the seal binds the private key. */
  readonly origin: string;
  /** `x` of its JWK (RFC 8037): 32 bytes as base64url. */
  readonly publicKey: string;
  readonly sealed: string;
}

/** The key of an audit log, ready to sign. */
export interface AuditKey {
  /** 32 bytes (RFC 8032). */
  readonly publicKey: Buffer;
  sign(data: Buffer): Buffer;
}

const ALG = "EdDSA";

/** A pair from fresh randomness, its private key sealed under the first KEK. */
export async function makeAuditKey(origin: string, keks: Keks): Promise<StoredAuditKey> {
  const { privateKey, publicKey } = await SCHEMES[ALG].generate();
  const { x } = publicJwkOf(publicKey, ALG, `the new audit key of ${origin}`) as { x: string };
  const plaintext = privateKey.export({ format: "der", type: "pkcs8" });
  try {
    return { origin, publicKey: x, sealed: await seal(plaintext, await bindingOf(origin, x), keks) };
  } finally {
    plaintext.fill(0);
  }
}

/**
 * Opens the private key. Throws the {@link KeyringError}s WRONG_KEK, DAMAGED_KEY, SWAPPED_KEY when it is the key of
 * another log, and KEY_MISMATCH when it does not belong to the public key.
 */
export async function openAuditKey({ origin, publicKey: x, sealed }: StoredAuditKey, keks: Keks): Promise<AuditKey> {
  const pkcs8 = unseal(sealed, await bindingOf(origin, x), keks);
  const { privateKey, publicJwk } = consumePkcs8(pkcs8, ALG, `the audit key of ${origin}`);
  if (!("x" in publicJwk && publicJwk.x === x))
    throw new KeyringError("KEY_MISMATCH", `the audit key of ${origin} does not belong to its public key`);
  return { publicKey: Buffer.from(x, "base64url"), sign: (data) => SCHEMES[ALG].sign(data, privateKey) };
}

/** The same key, sealed under the first KEK. Throws as {@link openAuditKey} does. */
export async function resealAuditKey(key: StoredAuditKey, keks: Keks): Promise<StoredAuditKey> {
  return { ...key, sealed: await reseal(key.sealed, await bindingOf(key.origin, key.publicKey), keks) };
}

async function bindingOf(log: string, x: string) {
  const kid = (await calculateJwkThumbprint({ kty: "OKP", crv: "Ed25519", x })).slice(0, 16);
  return { log, kid, alg: ALG };
}
