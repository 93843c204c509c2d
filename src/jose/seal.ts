import { CompactEncrypt, compactDecrypt, decodeProtectedHeader, errors } from "jose";
import { KeyringError } from "../keyring/error.ts";
import { deriveKey, type Kek, type Keks } from "./kek.ts";

/** Which key a sealed private half belongs to. It is authenticated: the blob opens as nothing else. */
export interface Binding {
  readonly keyset: string;
  readonly kid: string;
  readonly alg: string;
}

const version = 1;

/** Seals bytes under the first KEK: compact JWE (RFC 7516), dir and A256GCM, the binding in the protected header. */
export async function seal(plaintext: Uint8Array, binding: Binding, [kek]: Keks): Promise<string> {
  const header = { alg: "dir", enc: "A256GCM", typ: "signet-key", kek: kek.id, v: version, ...headerOf(binding) };
  return new CompactEncrypt(plaintext).setProtectedHeader(header).encrypt(sealingKey(kek));
}

/**
 * Opens what {@link seal} made for this binding; the caller overwrites the answer when it is done. Throws KeyringError:
 * WRONG_KEK when none at hand sealed it, DAMAGED_KEY when it does not open, SWAPPED_KEY when it is bound to another key.
 */
export async function unseal(sealed: string, binding: Binding, keks: Keks): Promise<Uint8Array> {
  const where = `sealed key ${binding.kid} of keyset ${binding.keyset}`;
  const kek = kekOfBlob(sealed, where, keks);
  const { plaintext, protectedHeader } = await decrypted(sealed, where, kek);
  const wanted = { typ: "signet-key", v: version, ...headerOf(binding) };
  const wrong = Object.entries(wanted).find(([name, value]) => protectedHeader[name] !== value);
  if (wrong === undefined) return plaintext;
  plaintext.fill(0);
  throw new KeyringError("SWAPPED_KEY", `${where} belongs to something else: its ${wrong[0]} is not ${wrong[1]}`);
}

/** Names of our own: `kid` and `alg` of a JWE header speak of the key that encrypts. */
function headerOf({ keyset, kid, alg }: Binding): Record<string, string> {
  return { keyset, sealedKid: kid, sealedAlg: alg };
}

const sealingKey = (kek: Kek) => deriveKey(kek, "seal");

function kekOfBlob(sealed: string, where: string, keks: Keks): Kek {
  const id = readHeader(sealed, where).kek;
  const kek = keks.find((candidate) => candidate.id === id);
  if (kek !== undefined) return kek;
  throw new KeyringError(
    "WRONG_KEK",
    `${where} is under another KEK: at hand is ${keks.map((known) => known.id).join(", ")}`,
  );
}

function readHeader(sealed: string, where: string): Record<string, unknown> {
  try {
    return decodeProtectedHeader(sealed);
  } catch (cause) {
    throw new KeyringError("DAMAGED_KEY", `${where} has no readable header`, { cause });
  }
}

async function decrypted(sealed: string, where: string, kek: Kek) {
  try {
    const options = { keyManagementAlgorithms: ["dir"], contentEncryptionAlgorithms: ["A256GCM"] };
    return await compactDecrypt(sealed, sealingKey(kek), options);
  } catch (cause) {
    if (!(cause instanceof errors.JOSEError)) throw cause;
    throw new KeyringError("DAMAGED_KEY", `${where} does not open: it is damaged or forged`, { cause });
  }
}
