const INITIAL_BYTES = 16 * 1024;

/**
 * Writes protobuf from the end to the beginning. The length of a nested message is then known before it is written, so
 * no message needs a buffer of its own. Callers write fields in descending order. One writer serves all messages of a
 * thread, because encoding is synchronous.
 */
export class BackwardWriter {
  #bytes = Buffer.allocUnsafeSlow(INITIAL_BYTES);
  #at = INITIAL_BYTES;

  /** Number of bytes written. */
  get length(): number {
    return this.#bytes.length - this.#at;
  }

  /** Returns the written bytes in a buffer of their own and empties the writer. */
  take(): Buffer {
    const message = Buffer.from(this.#bytes.subarray(this.#at));
    this.#at = this.#bytes.length;
    return message;
  }

  /** Discards a message whose encoding threw. */
  reset(): void {
    this.#at = this.#bytes.length;
  }

  varint(value: number): void {
    let size = 1;
    for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 128)) size += 1;
    this.#reserve(size);
    let rest = value;
    for (let i = 0; i < size; i += 1) {
      this.#bytes[this.#at + i] = (rest % 128) | (i < size - 1 ? 0x80 : 0);
      rest = Math.floor(rest / 128);
    }
  }

  /** `tag`: (field number << 3) | wire type. */
  string(tag: number, text: string): void {
    const size = Buffer.byteLength(text);
    this.#reserve(size);
    this.#bytes.write(text, this.#at, "utf8");
    this.varint(size);
    this.varint(tag);
  }

  double(tag: number, value: number): void {
    this.#reserve(8);
    this.#bytes.writeDoubleLE(value, this.#at);
    this.varint(tag);
  }

  /** Writes the length and the tag of the nested message that began when `length` was `from`. */
  close(tag: number, from: number): void {
    this.varint(this.length - from);
    this.varint(tag);
  }

  #reserve(size: number): void {
    if (this.#at < size) this.#grow(size);
    this.#at -= size;
  }

  #grow(size: number): void {
    const written = this.#bytes.subarray(this.#at);
    const larger = Buffer.allocUnsafeSlow(Math.max(this.#bytes.length * 2, written.length + size));
    this.#at = larger.length - written.length;
    written.copy(larger, this.#at);
    this.#bytes = larger;
  }
}
