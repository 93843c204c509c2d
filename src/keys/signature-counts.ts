/** How often a key has signed since the process started. */
export interface SignatureCount {
  /** Counted where the signature is made. */
  signed: number;
  /** Signatures that test the key, and are of no token. */
  selfTests: number;
  /** Signatures of tokens that got no event, and were not returned. */
  unrecorded: number;
}

/** Counts signatures by the `kid` of their key. It is called for every token. */
export class SignatureCounts {
  readonly #keys = new Map<string, SignatureCount>();

  signed(kid: string): void {
    this.#of(kid).signed += 1;
  }

  selfTested(kid: string): void {
    this.#of(kid).selfTests += 1;
  }

  unrecorded(kid: string): void {
    this.#of(kid).unrecorded += 1;
  }

  /** All counts of this moment. */
  snapshot(): ReadonlyMap<string, Readonly<SignatureCount>> {
    return new Map([...this.#keys].map(([kid, count]) => [kid, { ...count }]));
  }

  #of(kid: string): SignatureCount {
    const known = this.#keys.get(kid);
    if (known !== undefined) return known;
    const count = { signed: 0, selfTests: 0, unrecorded: 0 };
    this.#keys.set(kid, count);
    return count;
  }
}
