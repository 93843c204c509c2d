import { hash, type KeyObject } from "node:crypto";
import { sha256Text } from "./sha256.ts";

/** Bytes of a block of SHA-256. */
const BLOCK = 64;
/** The most bytes of UTF-8 that one UTF-16 unit becomes. */
const MOST_BYTES = 3;

/**
 * HMAC-SHA-256 (RFC 2104) of texts in UTF-8, as base64url. Of two one-shot hashes, since each token needs one and
 * Node's `createHmac` takes twice the time. `key`: a secret of at most 64 bytes.
 */
export function createHmacSha256(key: KeyObject): (text: string) => string {
  const secret = key.export();
  if (secret.length > BLOCK) throw new RangeError(`a key of HMAC-SHA-256 has ${secret.length} bytes: ${BLOCK} may`);
  let inner = padded(secret, 0x36);
  const outer = Buffer.concat([padded(secret, 0x5c), Buffer.alloc(32)]);
  return (text) => {
    const most = BLOCK + text.length * MOST_BYTES;
    if (inner.length < most) inner = Buffer.concat([inner.subarray(0, BLOCK)], 2 * most);
    const end = BLOCK + inner.write(text, BLOCK);
    outer.write(sha256Text(inner.subarray(0, end)), BLOCK, "latin1");
    return hash("sha256", outer, "base64url");
  };
}

function padded(secret: Buffer, pad: number): Buffer {
  const block = Buffer.alloc(BLOCK, pad);
  secret.forEach((byte, at) => {
    block[at] = byte ^ pad;
  });
  return block;
}
