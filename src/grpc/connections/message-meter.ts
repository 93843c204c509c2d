const PREFIX_BYTES = 5;
/** What grpc-js allocates for a message that waits for its handler, however short it is. */
const MESSAGE_BYTES = 1024;
/** The state of an inflater. */
export const INFLATER_BYTES = 65_536;
/** DEFLATE turns one byte into at most this many. */
const MOST_INFLATED = 1032;

/** Follows the gRPC messages of one request, and counts what the process may come to hold for them. */
export class MessageMeter {
  readonly #maxMessageBytes: number;
  /** How many bytes of the message at hand are still to come. */
  #missing = 0;
  #prefixBytes = 0;
  #compressed = false;
  #length = 0;

  constructor(maxMessageBytes: number) {
    this.#maxMessageBytes = maxMessageBytes;
  }

  /** Whether the last chunk ended within a message, of which it holds a part. */
  get isUnfinished(): boolean {
    return this.#missing > 0 || this.#prefixBytes > 0;
  }

  /**
   * The bytes that these ones may lead to, at most. grpc-js keeps what has arrived of a message until it is complete,
   * decodes all messages of a chunk at once, and inflates all of them at the same time: a chunk of 64 KiB may hold
   * thirteen thousand empty messages, or sixty that each inflate to a mebibyte.
   */
  costOf(chunk: Uint8Array): number {
    let cost = chunk.length;
    for (let at = 0; at < chunk.length; ) {
      if (this.#missing > 0) {
        const bytes = Math.min(this.#missing, chunk.length - at);
        this.#missing -= bytes;
        at += bytes;
      } else {
        cost += this.#readPrefix(chunk[at] ?? 0);
        at += 1;
      }
    }
    return cost;
  }

  #readPrefix(byte: number): number {
    if (this.#prefixBytes === 0) this.#compressed = byte === 1;
    else this.#length = this.#length * 256 + byte;
    this.#prefixBytes += 1;
    if (this.#prefixBytes < PREFIX_BYTES) return 0;
    const inflated = INFLATER_BYTES + Math.min(this.#length * MOST_INFLATED, this.#maxMessageBytes);
    this.#missing = this.#length;
    this.#prefixBytes = 0;
    this.#length = 0;
    return MESSAGE_BYTES + (this.#compressed ? inflated : 0);
  }
}
