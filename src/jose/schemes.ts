import { constants, generateKeyPair, type KeyObject, sign, verify } from "node:crypto";
import { promisify } from "node:util";
import type { KeysetAlgorithm, PublicJwk } from "../keys/model.ts";
import { isSafeKey, isSafeSignature } from "./ed25519/points.ts";

/** How the keys of one algorithm are made and used. */
export interface Scheme {
  /** A pair from fresh randomness, made in the thread pool: an RSA key may take a second of CPU. */
  generate(): Promise<{ readonly publicKey: KeyObject; readonly privateKey: KeyObject }>;
  /** The public key as a JWK; undefined when it is not a key of this algorithm, or one that no verifier should take. */
  jwkOf(publicKey: KeyObject): PublicJwk | undefined;
  signatureBytes(publicKey: KeyObject): number;
  // Synchronous, since every token is signed here, and a library's promise would cost three times as much.
  sign(data: Buffer, privateKey: KeyObject): Buffer;
  verify(data: Buffer, publicKey: KeyObject, signature: Buffer): boolean;
}

const generate = promisify(generateKeyPair);

/**
 * The least that RFC 7518, 3.3 and 3.5 allow. A key signs for a day and its tokens live for hours, so that 112 bits of
 * strength are enough until 2030 (NIST SP 800-57); 3072 bits would cost three times the CPU for every token.
 */
const RSA_BITS = 2048;
/** Of an imported key. A signature of 4096 bits takes 2 to 6 ms, in which no other call is served. */
const MOST_RSA_BITS = 4096;

const generateRsa = () => generate("rsa", { modulusLength: RSA_BITS });

/** RFC 7518, 3.5: the salt is as long as the hash. When signing, OpenSSL's default would be the longest that fits. */
const PSS = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST };

/** RFC 7518, 3.4: r and s of 32 bytes each, not ASN.1. */
const P1363 = { dsaEncoding: "ieee-p1363" } as const;
const ES256_BYTES = 64;

/** RFC 8032, 5.1.6. */
export const ED25519_BYTES = 64;

export const SCHEMES: Readonly<Record<KeysetAlgorithm, Scheme>> = {
  EdDSA: {
    generate: () => generate("ed25519"),
    jwkOf(publicKey) {
      if (publicKey.asymmetricKeyType !== "ed25519") return undefined;
      const { x = "" } = publicKey.export({ format: "jwk" });
      return isSafeKey(Buffer.from(x, "base64url")) ? { kty: "OKP", crv: "Ed25519", x } : undefined;
    },
    signatureBytes: () => ED25519_BYTES,
    sign: (data, key) => sign(null, data, key),
    // Not left to the library: what OpenSSL takes of such points has changed between its versions.
    verify: (data, key, signature) => isSafeSignature(signature) && verify(null, data, key, signature),
  },
  ES256: {
    generate: () => generate("ec", { namedCurve: "P-256" }),
    jwkOf(publicKey) {
      if (publicKey.asymmetricKeyDetails?.namedCurve !== "prime256v1") return undefined;
      const { x = "", y = "" } = publicKey.export({ format: "jwk" });
      return { kty: "EC", crv: "P-256", x, y };
    },
    signatureBytes: () => ES256_BYTES,
    sign: (data, key) => sign("sha256", data, { key, ...P1363 }),
    // Node passes a signature of another length to OpenSSL as it is, which reads it as ASN.1.
    verify: (data, key, signature) =>
      signature.length === ES256_BYTES && verify("sha256", data, { key, ...P1363 }, signature),
  },
  RS256: {
    generate: generateRsa,
    jwkOf: rsaJwk,
    signatureBytes: modulusBytes,
    sign: (data, key) => sign("sha256", data, key),
    verify: (data, key, signature) => verify("sha256", data, key, signature),
  },
  PS256: {
    generate: generateRsa,
    jwkOf: rsaJwk,
    signatureBytes: modulusBytes,
    sign: (data, key) => sign("sha256", data, { key, ...PSS }),
    verify: (data, key, signature) => verify("sha256", data, { key, ...PSS }, signature),
  },
};

/** Signs until `destroy`, after which the collector frees the key; OpenSSL overwrites it then. */
export function opensslSigner(privateKey: KeyObject, alg: KeysetAlgorithm) {
  let key: KeyObject | undefined = privateKey;
  return {
    sign(data: Buffer): Buffer {
      if (key === undefined) throw new Error("the private key was destroyed");
      return SCHEMES[alg].sign(data, key);
    },
    destroy(): void {
      key = undefined;
    },
  };
}

function rsaJwk(publicKey: KeyObject): PublicJwk | undefined {
  const { modulusLength = 0, publicExponent = 0n } = publicKey.asymmetricKeyDetails ?? {};
  // Not `rsa-pss`: such a key restricts its use to parameters of its own.
  const isRsa = publicKey.asymmetricKeyType === "rsa";
  if (!isRsa || modulusLength < RSA_BITS || modulusLength > MOST_RSA_BITS) return undefined;
  // With the exponent 1 a signature is the padded hash itself, which anyone can write (RFC 8017, 3.1).
  if (publicExponent < 3n) return undefined;
  const { n = "", e = "" } = publicKey.export({ format: "jwk" });
  return { kty: "RSA", n, e };
}

function modulusBytes(publicKey: KeyObject): number {
  return Math.ceil((publicKey.asymmetricKeyDetails?.modulusLength ?? 0) / 8);
}
