import { EMPTY_ROOT, type TreeHash } from "./hash.ts";

const PAGE_LEAVES = 256;

/**
 * Leaf hashes, or other `bytes` of each leaf, by their index, which may come in any order. It takes one byte more a leaf
 * where they are dense.
 */
export class Leaves {
  readonly #bytes: number;
  readonly #pages = new Map<number, { readonly hashes: Buffer; readonly present: Uint8Array }>();

  constructor(bytes = EMPTY_ROOT.length) {
    this.#bytes = bytes;
  }

  put(index: number, hash: Uint8Array): void {
    const number = Math.floor(index / PAGE_LEAVES);
    let page = this.#pages.get(number);
    if (page === undefined) {
      page = { hashes: Buffer.alloc(PAGE_LEAVES * this.#bytes), present: new Uint8Array(PAGE_LEAVES) };
      this.#pages.set(number, page);
    }
    page.hashes.set(hash, (index % PAGE_LEAVES) * this.#bytes);
    page.present[index % PAGE_LEAVES] = 1;
  }

  /** Undefined for a leaf that was not put. */
  get(index: number): TreeHash | undefined {
    const page = this.#pages.get(Math.floor(index / PAGE_LEAVES));
    if (page?.present[index % PAGE_LEAVES] !== 1) return undefined;
    const start = (index % PAGE_LEAVES) * this.#bytes;
    return page.hashes.subarray(start, start + this.#bytes);
  }
}
