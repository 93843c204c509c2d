/**
 * What was read from one socket and stays in memory because of unfinished messages. A chunk of a request is a slice of
 * such a read, and keeps all of it alive. Chunks of several requests may be slices of one read, which counts once.
 */
export class PinnedReads {
  readonly #pins = new Map<ArrayBufferLike, number>();

  /** Returns the bytes that are held from now on. */
  pin(read: ArrayBufferLike): number {
    const pins = this.#pins.get(read) ?? 0;
    this.#pins.set(read, pins + 1);
    return pins === 0 ? read.byteLength : 0;
  }

  /** Takes one pin of each away. Returns the bytes that are no longer held. */
  unpin(reads: Iterable<ArrayBufferLike>): number {
    let bytes = 0;
    for (const read of reads) {
      const pins = this.#pins.get(read) ?? 0;
      if (pins > 1) this.#pins.set(read, pins - 1);
      else if (this.#pins.delete(read)) bytes += read.byteLength;
    }
    return bytes;
  }
}
