import { createPrivateKey, createPublicKey, type KeyObject } from "node:crypto";
import { opensslSigner, SCHEMES } from "../schemes.ts";

/**
 * A library that computes Ed25519 (RFC 8032). Whichever it is, a key makes the same signatures, and a signature has the
 * same verdict: replicas may have different ones.
 */
export interface Ed25519 {
  readonly library: "libsodium" | "OpenSSL";
  /** The private key of these 32 bytes (5.1.5), which the caller overwrites. */
  signer(seed: Buffer): Ed25519Signer;
  /** Of the 32 bytes of a public key, which MUST be safe (`points.ts`). The result never throws. */
  verifier(publicKey: Buffer): (data: Buffer, signature: Buffer) => boolean;
}

interface Ed25519Signer {
  /** 32 bytes. */
  readonly publicKey: Buffer;
  sign(data: Buffer): Buffer;
  /** Ends the private key, and overwrites it if it lies in memory of its own. From then on `sign` throws. */
  destroy(): void;
}

/** What stands before the 32 bytes of a private key in PKCS#8 (RFC 8410, 7). */
const PKCS8_PREFIX = Buffer.from("302e020100300506032b657004220420", "hex");
const SEED_BYTES = 32;

export const OPENSSL: Ed25519 = {
  library: "OpenSSL",
  signer(seed) {
    const privateKey = privateKeyOf(seed);
    return { publicKey: pointOf(createPublicKey(privateKey)), ...opensslSigner(privateKey, "EdDSA") };
  },
  verifier(publicKey) {
    const key = createPublicKey({ key: jwkOfPoint(publicKey), format: "jwk" });
    return (data, signature) => SCHEMES.EdDSA.verify(data, key, signature);
  },
};

/** The private key of these bytes. */
export function privateKeyOf(seed: Buffer): KeyObject {
  const pkcs8 = Buffer.concat([PKCS8_PREFIX, seed]);
  try {
    return createPrivateKey({ key: pkcs8, format: "der", type: "pkcs8" });
  } finally {
    pkcs8.fill(0);
  }
}

/** The bytes of the private key in PKCS#8, and no copy of them. Undefined: it is not the key alone, or of another kind. */
export function seedIn(pkcs8: Buffer): Buffer | undefined {
  const { length } = PKCS8_PREFIX;
  const isSeed = pkcs8.length === length + SEED_BYTES && pkcs8.subarray(0, length).equals(PKCS8_PREFIX);
  return isSeed ? pkcs8.subarray(length) : undefined;
}

/** RFC 8037, 2. */
export function jwkOfPoint(publicKey: Buffer) {
  return { kty: "OKP", crv: "Ed25519", x: publicKey.toString("base64url") } as const;
}

export function pointOf(publicKey: KeyObject): Buffer {
  return Buffer.from(publicKey.export({ format: "jwk" }).x ?? "", "base64url");
}
