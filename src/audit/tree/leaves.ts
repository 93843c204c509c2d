import { EMPTY_ROOT, type TreeHash } from "./hash.ts";

const PAGE_LEAVES = 256;
/** So many leaves of a page are kept one by one: who claims distant places takes no page for each. */
const FEW = 32;

interface Page {
  readonly hashes: Buffer;
  readonly present: Uint8Array;
}

/**
 * Leaf hashes, or other `bytes` of each leaf, by their index, which may come in any order. It takes one byte more a leaf
 * where they are dense, and some hundred bytes where they are scattered.
 */
export class Leaves {
  readonly #bytes: number;
  readonly #pages = new Map<number, Page>();
  /** The leaves of what is no page yet, by its number and their place in it. */
  readonly #few = new Map<number, Map<number, TreeHash>>();

  constructor(bytes = EMPTY_ROOT.length) {
    this.#bytes = bytes;
  }

  put(index: number, hash: Uint8Array): void {
    const number = Math.floor(index / PAGE_LEAVES);
    const page = this.#pages.get(number);
    if (page === undefined) this.#putFew(number, index % PAGE_LEAVES, hash);
    else this.#putIn(page, index % PAGE_LEAVES, hash);
  }

  /** Undefined for a leaf that was not put. */
  get(index: number): TreeHash | undefined {
    const number = Math.floor(index / PAGE_LEAVES);
    const page = this.#pages.get(number);
    if (page === undefined) return this.#few.get(number)?.get(index % PAGE_LEAVES);
    if (page.present[index % PAGE_LEAVES] !== 1) return undefined;
    const start = (index % PAGE_LEAVES) * this.#bytes;
    return page.hashes.subarray(start, start + this.#bytes);
  }

  #putFew(number: number, place: number, hash: Uint8Array): void {
    const few = this.#few.get(number) ?? new Map<number, TreeHash>();
    few.set(place, Buffer.from(hash));
    if (few.size <= FEW) {
      this.#few.set(number, few);
      return;
    }
    const page = { hashes: Buffer.alloc(PAGE_LEAVES * this.#bytes), present: new Uint8Array(PAGE_LEAVES) };
    for (const [at, leaf] of few) this.#putIn(page, at, leaf);
    this.#pages.set(number, page);
    this.#few.delete(number);
  }

  #putIn({ hashes, present }: Page, place: number, hash: Uint8Array): void {
    hashes.set(hash, place * this.#bytes);
    present[place] = 1;
  }
}
