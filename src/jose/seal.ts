import { createDecipheriv } from "node:crypto";
import { CompactEncrypt } from "jose";
import { KeyringError } from "../keys/error.ts";
import { deriveKey, type Kek, type Keks } from "./kek.ts";

/**
 * The key or secret that sealed bytes belong to. The seal authenticates it, so that the bytes can't be opened as any
 * other key. `kid` and `alg` are those of the sealed key; the tenant is empty where the profile has none; `log` is the
 * origin of an audit log.
 */
export type Binding = { readonly kid: string; readonly alg: string } & (
  | { readonly keyset: string }
  | { readonly profile: string; readonly tenant: string }
  | { readonly log: string }
);

const VERSION = 1;
const IV_BYTES = 12;
const TAG_BYTES = 16;
const NONE = Buffer.alloc(0);

/** Seals bytes under the first KEK: compact JWE (RFC 7516), dir and A256GCM, the binding in the protected header. */
export async function seal(plaintext: Uint8Array, binding: Binding, [kek]: Keks): Promise<string> {
  const header = { alg: "dir", enc: "A256GCM", typ: "signet-key", kek: kek.id, v: VERSION, ...headerOf(binding) };
  return new CompactEncrypt(plaintext).setProtectedHeader(header).encrypt(sealingKey(kek));
}

/**
 * Opens what {@link seal} sealed for this binding; the caller overwrites the plaintext after use. Synchronous, so that
 * a secret can be opened at its first use. Throws KeyringError: WRONG_KEK when none of the KEKs sealed it, DAMAGED_KEY
 * when it does not open, SWAPPED_KEY when it is bound to another key.
 */
export function unseal(sealed: string, binding: Binding, keks: Keks): Buffer {
  const where = `sealed ${nameOf(binding)}`;
  const header = readHeader(sealed, where);
  const kek = keks.find(({ id }) => id === header.kek);
  if (kek === undefined) {
    const known = keks.map(({ id }) => id).join(", ");
    throw new KeyringError(
      "WRONG_KEK",
      `${where} is sealed under the key-encryption key ${header.kek}, and not under the given ${known}`,
    );
  }
  const plaintext = decrypted(sealed, where, kek);
  const wanted = { alg: "dir", enc: "A256GCM", typ: "signet-key", v: VERSION, ...headerOf(binding) };
  const wrong = Object.entries(wanted).find(([name, value]) => header[name] !== value);
  if (wrong === undefined) return plaintext;
  plaintext.fill(0);
  throw new KeyringError("SWAPPED_KEY", `${where} belongs to another key: its ${wrong[0]} differs`);
}

/** The same sealed bytes under the first KEK. Throws as {@link unseal} does. */
export async function reseal(sealed: string, binding: Binding, keks: Keks): Promise<string> {
  if (readHeader(sealed, `sealed ${nameOf(binding)}`).kek === keks[0].id) return sealed;
  const plaintext = unseal(sealed, binding, keks);
  const again = await seal(plaintext, binding, keks);
  plaintext.fill(0);
  return again;
}

/** The sealed key has members of its own: `kid` and `alg` of a JWE header describe the encryption key. */
function headerOf({ kid, alg, ...owner }: Binding): Record<string, string> {
  return { ...owner, sealedKid: kid, sealedAlg: alg };
}

function nameOf(binding: Binding): string {
  if ("keyset" in binding) return `key ${binding.kid} of keyset ${binding.keyset}`;
  if ("log" in binding) return `audit key of ${binding.log}`;
  return `secret ${binding.kid} of profile ${binding.profile}`;
}

const sealingKey = (kek: Kek) => deriveKey(kek, "seal");

function readHeader(sealed: string, where: string): Record<string, unknown> {
  try {
    const header: unknown = JSON.parse(Buffer.from(sealed.split(".")[0] ?? "", "base64url").toString());
    if (typeof header === "object" && header !== null) return { ...header };
  } catch {
    // Reported below.
  }
  throw new KeyringError("DAMAGED_KEY", `${where} has no readable header`);
}

/**
 * RFC 7516, 5.2 for `dir` and A256GCM (RFC 7518, 4.5 and 5.3): the encoded header is the additional authenticated data.
 */
function decrypted(sealed: string, where: string, kek: Kek): Buffer {
  const [header = "", encryptedKey, ...parts] = sealed.split(".");
  const [iv = NONE, ciphertext = NONE, tag = NONE, ...more] = parts.map((part) => Buffer.from(part, "base64url"));
  try {
    if (encryptedKey !== "" || more.length > 0 || iv.length !== IV_BYTES || tag.length !== TAG_BYTES)
      throw new RangeError("not five parts with an empty key, 12 bytes of IV and 16 of tag");
    const decipher = createDecipheriv("aes-256-gcm", sealingKey(kek), iv, { authTagLength: TAG_BYTES });
    const opened = decipher.setAAD(Buffer.from(header, "latin1")).setAuthTag(tag).update(ciphertext);
    decipher.final();
    return opened;
  } catch (cause) {
    throw new KeyringError("DAMAGED_KEY", `${where} does not open: it is damaged or forged`, { cause });
  }
}
