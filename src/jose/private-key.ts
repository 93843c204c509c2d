import {
  createHash,
  createPrivateKey,
  createPublicKey,
  type JsonWebKey,
  type KeyObject,
  randomBytes,
} from "node:crypto";
import { KeyringError } from "../keys/error.ts";
import type { KeysetAlgorithm } from "../keys/model.ts";
import type { ImportedKey, PrivateKey, PrivateKeyText, SigningKey, VerifyingKey } from "../keys/vault.ts";
import { type Ed25519, privateKeyOf } from "./ed25519/ed25519.ts";
import { openKey, verifierOf } from "./opened-key.ts";
import { openPkcs8 } from "./pkcs8.ts";
import { SCHEMES } from "./schemes.ts";

const NEEDED: Readonly<Record<KeysetAlgorithm, string>> = {
  EdDSA: "an Ed25519 key",
  ES256: "an EC key on P-256",
  RS256: "an RSA key of 2048 to 4096 bits with a public exponent above 2",
  PS256: "an RSA key of 2048 to 4096 bits with a public exponent above 2",
};

/** The order of P-256 and that of Ed25519. */
const CURVE_BITS = 256;

/** As `SecretVault.readPrivateKey`. */
export function readPrivateKey(text: PrivateKeyText, alg: KeysetAlgorithm): PrivateKey | string {
  const privateKey = parse(text);
  if (privateKey === undefined) return `can't be read: ${alg} needs ${NEEDED[alg]}`;
  const publicKey = createPublicKey(privateKey);
  const { jwkOf, sign, verify } = SCHEMES[alg];
  const publicJwk = jwkOf(publicKey);
  if (publicJwk === undefined) return `is ${natureOf(privateKey)}, and ${alg} needs ${NEEDED[alg]}`;
  // Node takes `d` of an RSA key as it comes.
  const contradicts =
    (text.form === "jwk" && Object.entries(publicJwk).some(([name, value]) => text.jwk[name] !== value)) ||
    !isConsistent(privateKey) ||
    !fits(
      (data) => sign(data, privateKey),
      (data, signature) => verify(data, publicKey, signature),
    );
  if (contradicts) return "contradicts itself: its public and private members belong to different keys";
  const pkcs8 = privateKey.export({ format: "der", type: "pkcs8" });
  const bits = privateKey.asymmetricKeyDetails?.modulusLength ?? CURVE_BITS;
  return { pkcs8, byteLength: Math.ceil(bits / 8), publicJwk };
}

/** As `SecretVault.key`, of a private key in PKCS#8. */
export function privateSigningKey(kid: string, alg: KeysetAlgorithm, pkcs8: Buffer, ed25519: Ed25519): ImportedKey {
  const opened = openKey(pkcs8, alg, `imported key ${kid}`, ed25519);
  try {
    const verify = verifierOf(createPublicKey({ key: { ...opened.publicJwk }, format: "jwk" }), alg, ed25519);
    if (fits(opened.sign, verify)) return { kid, alg, ...opened, verify };
    throw new KeyringError("KEY_MISMATCH", `imported key ${kid}: its public key rejects what it signs`);
  } catch (error) {
    opened.destroy();
    throw error;
  }
}

/** RFC 7638, of the public key. */
export function thumbprintOf(pkcs8: Buffer, alg: KeysetAlgorithm): string {
  const { publicJwk } = openPkcs8(pkcs8, alg, "an imported key");
  const sorted = Object.fromEntries(Object.entries(publicJwk).toSorted(([one], [other]) => (one < other ? -1 : 1)));
  return createHash("sha256").update(JSON.stringify(sorted)).digest("base64url");
}

function parse(text: PrivateKeyText): KeyObject | undefined {
  try {
    if (text.form === "pem") return createPrivateKey({ key: text.pem, format: "pem" });
    const { crv, d } = text.jwk;
    if (crv === "Ed25519" && typeof d === "string") return ed25519Key(d);
    return createPrivateKey({ key: text.jwk as JsonWebKey, format: "jwk" });
  } catch {
    // OpenSSL's errors may quote what they read.
    return undefined;
  }
}

/** Of its private member alone: whether `x` fits is seen later, by words that do not depend on the version of Node. */
function ed25519Key(d: string): KeyObject {
  const seed = Buffer.from(d, "base64url");
  try {
    return privateKeyOf(seed);
  } finally {
    seed.fill(0);
  }
}

/** A key proves itself. */
function fits(sign: SigningKey["sign"], verify: VerifyingKey["verify"]): boolean {
  const challenge = randomBytes(32);
  try {
    return verify(challenge, sign(challenge));
  } catch {
    // With members that no key has, such as an even modulus, OpenSSL fails instead.
    return false;
  }
}

/**
 * Whether the members of an RSA key are those of one key (RFC 8017, 3.2). OpenSSL signs with some of them alone, so that
 * another of them may be wrong, and be used by another program or version.
 */
function isConsistent(privateKey: KeyObject): boolean {
  if (privateKey.asymmetricKeyType !== "rsa") return true;
  const { n, e, d, p, q, dp, dq, qi } = privateKey.export({ format: "jwk" });
  const [exponent, first, second] = [numberOf(e), numberOf(p), numberOf(q)];
  if (first < 3n || second < 3n) return false;
  return (
    numberOf(n) === first * second &&
    (numberOf(d) * exponent) % (first - 1n) === 1n &&
    (numberOf(d) * exponent) % (second - 1n) === 1n &&
    (numberOf(dp) * exponent) % (first - 1n) === 1n &&
    (numberOf(dq) * exponent) % (second - 1n) === 1n &&
    (numberOf(qi) * second) % first === 1n
  );
}

function numberOf(base64url = ""): bigint {
  return BigInt(`0x0${Buffer.from(base64url, "base64url").toString("hex")}`);
}

function natureOf({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject): string {
  const { modulusLength, publicExponent, namedCurve } = asymmetricKeyDetails ?? {};
  const size = modulusLength === undefined ? (namedCurve ?? "") : `${modulusLength} bits, exponent ${publicExponent}`;
  return `a key of type ${asymmetricKeyType}${size === "" ? "" : ` (${size})`}`;
}
