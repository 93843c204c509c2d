import type * as Sodium from "sodium-native";

/** 63 keys of 64 bytes, and the 16 that libsodium puts before them, are one page. */
const SLOTS = 63;

/** Places for private keys in the protected memory of libsodium. */
export interface KeySlots {
  /** A place that `fill` has written. If it throws, so does this, and the place is as if it was never taken. */
  take(fill: (slot: Buffer) => void): Buffer;
  /** Overwrites a place, which is then free for another key. */
  drop(slot: Buffer): void;
}

/**
 * Many keys share one `sodium_malloc`: each of these locks a page and takes four of the 65 530 mappings that Linux allows
 * a process, and Node ends the process when there are none left. Memory that was once taken is kept for later keys.
 */
export function createKeySlots(sodium: typeof Sodium, bytes: number): KeySlots {
  const free: Buffer[] = [];

  function allocate(): Buffer[] {
    const memory = sodium.sodium_malloc(SLOTS * bytes);
    sodium.sodium_mprotect_readonly(memory);
    return Array.from({ length: SLOTS }, (_, at) => memory.subarray(at * bytes, (at + 1) * bytes));
  }

  /** A signature with a key one half of which was overwritten would give the other half away: at no other time. */
  function write(slot: Buffer, change: (slot: Buffer) => void): void {
    sodium.sodium_mprotect_readwrite(slot);
    try {
      change(slot);
    } finally {
      sodium.sodium_mprotect_readonly(slot);
    }
  }

  /** A place that can't be overwritten is not used again. */
  function drop(slot: Buffer): void {
    write(slot, sodium.sodium_memzero);
    free.push(slot);
  }

  return {
    take(fill) {
      if (free.length === 0) free.push(...allocate());
      const slot = free.pop() as Buffer;
      try {
        write(slot, fill);
        return slot;
      } catch (error) {
        drop(slot);
        throw error;
      }
    },
    drop,
  };
}
