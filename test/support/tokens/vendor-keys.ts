import { createPublicKey, generateKeyPairSync, type JsonWebKey, type KeyObject } from "node:crypto";
import type { KeysetAlgorithm } from "../../../src/keys/model.ts";

/** A new private key of a vendor, for this algorithm. */
export function vendorKey(alg: KeysetAlgorithm): KeyObject {
  if (alg === "EdDSA") return generateKeyPairSync("ed25519").privateKey;
  if (alg === "ES256") return generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
  return generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey;
}

export function pemOf(key: KeyObject, type: "pkcs8" | "pkcs1" | "sec1" = "pkcs8"): string {
  return String(key.export({ format: "pem", type } as { format: "pem"; type: "pkcs8" }));
}

export function publicPemOf(key: KeyObject): string {
  return String(createPublicKey(key).export({ format: "pem", type: "spki" }));
}

/** A private JWK with changed or added members. */
export function jwkOf(key: KeyObject, changes: object = {}): JsonWebKey {
  return { ...key.export({ format: "jwk" }), ...changes };
}
