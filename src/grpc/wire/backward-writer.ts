const INITIAL_BYTES = 16 * 1024;

/**
 * Writes protobuf from its end to its beginning: the length of a nested message is then known before it is written, and no
 * message needs a buffer of its own. Fields are therefore written in falling order. One writer serves all messages of a
 * thread, since encoding one is synchronous.
 */
export class BackwardWriter {
  #bytes = Buffer.allocUnsafeSlow(INITIAL_BYTES);
  #at = INITIAL_BYTES;

  /** How many bytes are written. */
  get length(): number {
    return this.#bytes.length - this.#at;
  }

  /** What was written, in a buffer of its own; the writer is empty again. */
  take(): Buffer {
    const message = Buffer.from(this.#bytes.subarray(this.#at));
    this.#at = this.#bytes.length;
    return message;
  }

  /** Leaves nothing behind of a message whose encoding threw. */
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

  /** `tag` is (field number << 3) | wire type. */
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

  /** The length and tag of a message that began when `length` was `from`. */
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
