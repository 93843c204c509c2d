import { randomFillSync } from "node:crypto";

const POOL_BYTES = 4096;
const RANDOM_BYTES = 10;

/**
 * Generates UUIDs version 7 (RFC 9562, 5.7) for a given time in Unix milliseconds. All 74 bits that are not time,
 * version or variant are random, so replicas need no coordination. Node's own `randomUUIDv7` does not accept a time.
 */
export function createUuidV7Generator(fill: (bytes: Uint8Array) => unknown = randomFillSync): (time: number) => string {
  // A pool for many ids: one call of the system's random generator costs more than the rest of an id.
  const pool = Buffer.alloc(POOL_BYTES);
  let used = POOL_BYTES;
  return (time) => {
    if (used + RANDOM_BYTES > POOL_BYTES) {
      fill(pool);
      used = 0;
    }
    const at = used;
    used += RANDOM_BYTES;
    pool.writeUInt8((pool.readUInt8(at) & 0x0f) | 0x70, at);
    pool.writeUInt8((pool.readUInt8(at + 2) & 0x3f) | 0x80, at + 2);
    const millis = time.toString(16).padStart(12, "0");
    const random = pool.toString("hex", at, at + RANDOM_BYTES);
    return `${millis.slice(0, 8)}-${millis.slice(8)}-${random.slice(0, 4)}-${random.slice(4, 8)}-${random.slice(8)}`;
  };
}
