import { setFlagsFromString } from "node:v8";

/**
 * Node's own pools are eight times as large: an answer that waits for its client keeps alive the whole pool that it was
 * cut from, with the dead copies beside it.
 */
const POOL_BYTES = 8_192;

/**
 * Keeps the heap of the process small until {@link letHeapGrow}. What a start reads from its storage is garbage soon
 * after, and V8 would let the heap grow to several times what is live before it collects: 10⁵ revocations took 650 MB.
 * V8 reads both flags whenever it might grow a heap. Call it once the code is loaded: most of that stays.
 */
export function keepHeapSmall(): void {
  setFlagsFromString("--semi-space-growth-factor=1");
  setFlagsFromString("--heap-growing-percent=20");
}

/**
 * For the calls that are served from now on, fewer collections count more than memory. The old generation may grow by
 * two fifths before it is collected. By default it may grow to several times what is live, and under clients that open
 * and reset thousands of calls a second it did; calls of others leave nothing in it. Buffers come from small pools.
 */
export function letHeapGrow(): void {
  Buffer.poolSize = POOL_BYTES;
  setFlagsFromString("--semi-space-growth-factor=2");
  setFlagsFromString("--heap-growing-percent=40");
}
