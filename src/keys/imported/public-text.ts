import { createPrivateKey, createPublicKey, X509Certificate } from "node:crypto";

/** Where a PEM, SSH or PGP text names what it holds. Line breaks may be lost, so lines do not count. */
const ARMOUR = /-{4,5} ?BEGIN [A-Z0-9 ]*?(PUBLIC KEY|CERTIFICATE|PKCS7|CMS|X509 CRL|PARAMETERS)/;
const PRIVATE_ARMOUR = /BEGIN [A-Z0-9 ]*PRIVATE KEY/;

/** RFC 4253, 6.6 and OpenSSH's own: the name in front of the base64 text, and inside the bytes that it encodes. */
const SSH_NAME = "(?:ssh-(?:rsa|dss|ed25519|ed448)|ecdsa-sha2-[a-z0-9-]+|sk-[a-z0-9-]+@openssh\\.com)[\\w.@-]*";
const SSH_LINE = new RegExp(`(?:^|\\s)${SSH_NAME}\\s+AAAA`);
const SSH_BYTES = new RegExp(`^\\0\\0\\0[\\s\\S]${SSH_NAME}\\0`);

/** The first part of a token, or of what is left of one, with a dot behind it. */
const TOKEN_HEADER = /eyJ[\w-]+(?=\.)/g;

const SEQUENCE = 0x30;
const UNCOMPRESSED = 0x04;

/**
 * What kind of public text the bytes are, as the end of a sentence that begins with "it"; undefined for any others. Not
 * raw public keys without a format: 32 bytes of Ed25519 look like a secret.
 */
export function publicKind(bytes: Buffer): string | undefined {
  // As latin1, every byte is a character, and none is lost.
  const text = bytes.toString("latin1");
  if (!isPrivatePem(bytes) && ARMOUR.test(text)) return "is a public key or certificate in PEM";
  if (SSH_LINE.test(text) || SSH_BYTES.test(text)) return "is a public key of SSH";
  if (isPublicDer(bytes) || isCurvePoint(bytes)) return "is a public key or certificate in DER";
  const json = jsonOf(bytes);
  if (isPublicJwk(json) || isPublicJwks(json)) return "is a public key as a JWK";
  if (
    isHeader(json) ||
    [...text.matchAll(TOKEN_HEADER)].some(([part]) => isHeader(jsonOf(Buffer.from(part, "base64url"))))
  )
    return "is a token, or a piece of one";
  return undefined;
}

/** Whether the bytes are the text of a private key, with or without its public part. */
export function isPrivatePem(bytes: Buffer): boolean {
  return PRIVATE_ARMOUR.test(bytes.toString("latin1"));
}

function isPublicDer(bytes: Buffer): boolean {
  if (bytes[0] !== SEQUENCE) return false;
  const der = { key: bytes, format: "der" } as const;
  // Node derives the public key of a private one, which is no public text.
  const isPrivate = (["pkcs8", "pkcs1", "sec1"] as const).some((type) =>
    succeeds(() => createPrivateKey({ ...der, type })),
  );
  if (isPrivate) return false;
  return (
    succeeds(() => new X509Certificate(bytes)) ||
    (["spki", "pkcs1"] as const).some((type) => succeeds(() => createPublicKey({ ...der, type })))
  );
}

const CURVES = [
  { crv: "P-256", size: 32 },
  { crv: "P-384", size: 48 },
  { crv: "P-521", size: 66 },
  { crv: "secp256k1", size: 32 },
] as const;

/** SEC 1, 2.3.3, uncompressed. A compressed point is a byte and a random text: half of all texts are one. */
function isCurvePoint(bytes: Buffer): boolean {
  if (bytes[0] !== UNCOMPRESSED) return false;
  return CURVES.some(({ crv, size }) => {
    if (bytes.length !== 1 + 2 * size) return false;
    const x = bytes.subarray(1, 1 + size).toString("base64url");
    const y = bytes.subarray(1 + size).toString("base64url");
    return succeeds(() => createPublicKey({ key: { kty: "EC", crv, x, y }, format: "jwk" }));
  });
}

function succeeds(read: () => unknown): boolean {
  try {
    read();
    return true;
  } catch {
    return false;
  }
}

type JsonObject = Readonly<Record<string, unknown>>;

function jsonOf(bytes: Buffer): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(bytes.toString("utf8").replace(/^\uFEFF/, ""));
    return typeof value === "object" && value !== null ? (value as JsonObject) : undefined;
  } catch {
    return undefined;
  }
}

/** RFC 7517, 4: private keys have `d` (`priv` in later types), symmetric ones `k`. */
function isPublicJwk(json: JsonObject | undefined): boolean {
  return json !== undefined && typeof json.kty === "string" && !["d", "priv", "k"].some((name) => name in json);
}

function isPublicJwks(json: JsonObject | undefined): boolean {
  const keys = json?.keys;
  return Array.isArray(keys) && keys.length > 0 && keys.every((key) => isPublicJwk(key as JsonObject));
}

/** RFC 7515, 4. A JWK may have `alg` too, but then it has a `kty`. */
function isHeader(json: JsonObject | undefined): boolean {
  return typeof json?.alg === "string" && !("kty" in json);
}
