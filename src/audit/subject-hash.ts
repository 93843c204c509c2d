import { hash } from "node:crypto";

/** SHA-256's block and digest, in bytes. */
const BLOCK = 64;
const DIGEST = 32;

/** Subjects up to this many bytes need no memory of their own. */
const COMMON_BYTES = 1024;

/** Characters of base64url that are kept: 132 bits. */
const LENGTH = 22;

/**
 * The keyed hash under which events name subjects: HMAC-SHA-256 (RFC 2104, 2), base64url, its first 22 characters. `key`
 * has at most 64 bytes.
 *
 * Made of two plain hashes because one is made for every token: `createHmac` builds a native object that the collector
 * must end, which costs several times as much. A test holds it equal to `createHmac`.
 */
export function createSubjectHasher(key: Uint8Array): (subject: string) => string {
  // A longer key would have to be hashed first.
  if (key.length > BLOCK)
    throw new RangeError(`the key of subject hashes has ${key.length} bytes; at most 64 are allowed`);
  const common = Buffer.alloc(BLOCK + COMMON_BYTES);
  const outer = Buffer.alloc(BLOCK + DIGEST);
  pad(common, key, 0x36);
  pad(outer, key, 0x5c);

  return (subject) => {
    const bytes = Buffer.byteLength(subject);
    const inner = bytes <= COMMON_BYTES ? common : Buffer.concat([common.subarray(0, BLOCK), Buffer.alloc(bytes)]);
    inner.write(subject, BLOCK);
    hash("sha256", inner.subarray(0, BLOCK + bytes), "buffer").copy(outer, BLOCK);
    return hash("sha256", outer, "base64url").slice(0, LENGTH);
  };
}

function pad(block: Buffer, key: Uint8Array, value: number): void {
  block.fill(value, 0, BLOCK);
  for (const [at, byte] of key.entries()) block.writeUInt8(byte ^ value, at);
}
