/** Where a message is: in one of the streams that are read one after the other. */
export interface StreamPlace {
  readonly stream: string;
  readonly seq: number;
}

/** One number for each place in several streams, from 1, in the order in which they are read. */
export class StreamPlaces {
  /** Each stream, with the number that its sequence 0 would have. */
  readonly #streams: { readonly stream: string; readonly before: number }[] = [];
  #last = 0;

  /** The number of the message. Those of one stream MUST follow one another, by their sequence. */
  put({ stream, seq }: StreamPlace): number {
    if (this.#streams.at(-1)?.stream !== stream) this.#streams.push({ stream, before: this.#last });
    this.#last = (this.#streams.at(-1)?.before ?? 0) + seq;
    return this.#last;
  }

  /** The place of the message with this number. */
  of(at: number): StreamPlace {
    const { stream = "", before = 0 } = this.#streams.findLast((known) => known.before < at) ?? {};
    return { stream, seq: at - before };
  }
}
