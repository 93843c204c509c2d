import type { KeysetAlgorithm } from "../keys/model.ts";
import type { PrivateKeyText } from "../keys/vault.ts";
import { parseStrictObject } from "../token/claims/strict-json.ts";

/** The text of a private key, with the `kid` of a JWK that has one. */
export type VendorKeyText = PrivateKeyText & { readonly kid?: string };

const BLOCK = /-----BEGIN ([A-Z0-9 ]+)-----[^-]*-----END \1-----/g;
const PRIVATE_LABELS = ["PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY"];
const FORMS = "must be a private key in PEM (PKCS#8, PKCS#1 or SEC1) or as a JWK";

/**
 * Finds the one private key in a text, in PEM or as a JWK. Returns what is wrong with the text otherwise, as the
 * description of a field violation, which repeats none of it.
 */
export function readVendorKey(text: string, alg: KeysetAlgorithm): VendorKeyText | string {
  return text.trimStart().startsWith("{") ? readJwk(text, alg) : readPem(text);
}

function readPem(text: string): VendorKeyText | string {
  if (/BEGIN ENCRYPTED PRIVATE KEY|Proc-Type:.*ENCRYPTED/.test(text))
    return "is encrypted: decrypt it first, for example with openssl pkey -in FILE";
  const blocks = [...text.matchAll(BLOCK)].map(([pem, label = ""]) => ({ pem, label }));
  const keys = blocks.filter(({ label }) => PRIVATE_LABELS.includes(label));
  const [key, ...others] = keys;
  // As in a value of JSON or of an environment file that was copied with its escapes.
  if (key?.pem.includes("\\n")) return "has \\n in place of line breaks: give it with line breaks";
  if (key !== undefined) return others.length === 0 ? { form: "pem", pem: key.pem } : "must hold one private key alone";
  const isPublic = blocks.some(({ label }) => /PUBLIC KEY|CERTIFICATE/.test(label));
  return isPublic ? "is a public key or certificate, which can't sign: import the private key" : FORMS;
}

function readJwk(text: string, alg: KeysetAlgorithm): VendorKeyText | string {
  // Strict: of a member that comes twice, programs take different ones.
  const jwk = parseStrictObject(Buffer.from(text));
  if (jwk === undefined) return `${FORMS}: the JSON has a fault, or a member that comes twice`;
  const { kty, d, kid, keys, k } = jwk;
  if (keys !== undefined) return "is a JWK Set: give the one private key of it";
  if (kty === "oct" || k !== undefined) return "is a symmetric key: import its k as a secret, in base64url";
  if (d === undefined) return "is a public key, which can't sign: import the private key";
  const contradiction = contradictionOf(jwk, alg);
  if (contradiction !== undefined) return contradiction;
  if (kid === undefined) return { form: "jwk", jwk };
  return typeof kid === "string" ? { form: "jwk", jwk, kid } : "has a kid that is no text";
}

/** RFC 7517, 4.2 to 4.4: what the key is for, by its own words. */
function contradictionOf(
  { use, key_ops: operations, alg: own, oth }: Readonly<Record<string, unknown>>,
  alg: KeysetAlgorithm,
): string | undefined {
  // RFC 9864, 2.2 has a second name for EdDSA with this curve.
  const names: readonly unknown[] = alg === "EdDSA" ? [alg, "Ed25519"] : [alg];
  if (own !== undefined && !names.includes(own)) return `has another alg than ${alg}`;
  if (use !== undefined && use !== "sig") return "has a use other than sig";
  if (operations !== undefined && !(Array.isArray(operations) && operations.includes("sign")))
    return "has key_ops without sign";
  return oth === undefined ? undefined : "has more than two primes (oth)";
}
