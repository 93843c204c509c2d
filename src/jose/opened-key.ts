import type { KeyObject } from "node:crypto";
import { KeyringError } from "../keys/error.ts";
import type { KeysetAlgorithm, PublicJwk } from "../keys/model.ts";
import { type Ed25519, jwkOfPoint, pointOf, seedIn } from "./ed25519/ed25519.ts";
import { openPkcs8 } from "./pkcs8.ts";
import { ED25519_BYTES, opensslSigner, SCHEMES } from "./schemes.ts";

/** A private key that is ready to sign. */
export interface OpenedKey {
  readonly publicJwk: PublicJwk;
  readonly signatureBytes: number;
  sign(data: Buffer): Buffer;
  /** As `SigningKey.destroy`. */
  destroy(): void;
}

/** Opens a private key that was sealed, as {@link openPkcs8} does, and overwrites the bytes, also when it throws. */
export function openKey(pkcs8: Buffer, alg: KeysetAlgorithm, where: string, ed25519: Ed25519): OpenedKey {
  try {
    return alg === "EdDSA" ? openEd25519(pkcs8, where, ed25519) : openOther(pkcs8, alg, where);
  } finally {
    pkcs8.fill(0);
  }
}

function openEd25519(pkcs8: Buffer, where: string, ed25519: Ed25519): OpenedKey {
  const seed = seedIn(pkcs8);
  if (seed === undefined) {
    openPkcs8(pkcs8, "EdDSA", where);
    throw new KeyringError("DAMAGED_KEY", `${where}: the sealed bytes are not the key alone`);
  }
  const { publicKey, sign, destroy } = ed25519.signer(seed);
  return { publicJwk: jwkOfPoint(publicKey), signatureBytes: ED25519_BYTES, sign, destroy };
}

function openOther(pkcs8: Buffer, alg: KeysetAlgorithm, where: string): OpenedKey {
  const { privateKey, publicKey, publicJwk } = openPkcs8(pkcs8, alg, where);
  return { publicJwk, signatureBytes: SCHEMES[alg].signatureBytes(publicKey), ...opensslSigner(privateKey, alg) };
}

/** Verifies with a public key that `SCHEMES` takes for one of the algorithm. Never throws. */
export function verifierOf(publicKey: KeyObject, alg: KeysetAlgorithm, ed25519: Ed25519) {
  if (alg === "EdDSA") return ed25519.verifier(pointOf(publicKey));
  const { verify } = SCHEMES[alg];
  return (data: Buffer, signature: Buffer): boolean => verify(data, publicKey, signature);
}
