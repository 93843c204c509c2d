import { createPublicKey, verify } from "node:crypto";

/** Verifies signatures of an Ed25519 key (RFC 8032). The key has 32 bytes. */
export function ed25519Verifier(publicKey: Buffer): (data: Buffer, signature: Buffer) => boolean {
  const jwk = { kty: "OKP", crv: "Ed25519", x: publicKey.toString("base64url") };
  const key = createPublicKey({ key: jwk, format: "jwk" });
  return (data, signature) => verify(null, data, key, signature);
}
