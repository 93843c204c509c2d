import { createCipheriv, createDecipheriv, hkdfSync, type KeyObject, randomBytes } from "node:crypto";
import { deriveKey, type Keks } from "./kek.ts";

const SALT_BYTES = 16;
const TAG_BYTES = 16;
/** Each message has a key of its own, so that a nonce is never used twice, however many there are. */
const NONCE = Buffer.alloc(12);

/**
 * Seals what gateways keep: a random salt, then AES-256-GCM (NIST SP 800-38D) under a key derived from it
 * (HKDF-SHA-256, RFC 5869), with the binding as additional authenticated data. Sealed under the first KEK, opened under
 * all of them.
 */
export function createSessionSealer(keks: Keks) {
  const secrets = keks.map((kek) => deriveKey(kek, "session resume"));
  const [current] = secrets as [KeyObject, ...KeyObject[]];
  return {
    seal(text: string, binding: string): Uint8Array {
      const salt = randomBytes(SALT_BYTES);
      const cipher = createCipheriv("aes-256-gcm", messageKey(current, salt), NONCE).setAAD(Buffer.from(binding));
      const sealed = cipher.update(text);
      return Buffer.concat([salt, sealed, cipher.final(), cipher.getAuthTag()]);
    },
    /** Undefined: it was not sealed here, or for another binding. */
    open(sealed: Uint8Array, binding: string): string | undefined {
      if (sealed.length < SALT_BYTES + TAG_BYTES) return undefined;
      for (const secret of secrets) {
        const text = opened(secret, Buffer.from(sealed), binding);
        if (text !== undefined) return text;
      }
      return undefined;
    },
  };
}

function opened(secret: KeyObject, sealed: Buffer, binding: string): string | undefined {
  const key = messageKey(secret, sealed.subarray(0, SALT_BYTES));
  const decipher = createDecipheriv("aes-256-gcm", key, NONCE, { authTagLength: TAG_BYTES });
  decipher.setAAD(Buffer.from(binding)).setAuthTag(sealed.subarray(-TAG_BYTES));
  try {
    return Buffer.concat([decipher.update(sealed.subarray(SALT_BYTES, -TAG_BYTES)), decipher.final()]).toString();
  } catch {
    // The tag does not match.
    return undefined;
  }
}

function messageKey(secret: KeyObject, salt: Uint8Array): Buffer {
  return Buffer.from(hkdfSync("sha256", secret, salt, "signet session resume", 32));
}
