/** An event that waits for the one that it links to. */
export interface OpenLink {
  readonly prevHash: string;
  readonly eventId: string;
  readonly at: number;
}

/**
 * The open links of an epoch, by the `seq` of their events and then by the hash that they link to: who can publish can
 * put any number of events at one place, and none of them may make the others expensive.
 */
export class OpenLinks {
  readonly #links = new Map<number, Map<string, OpenLink[]>>();

  add(seq: number, link: OpenLink): void {
    const ofPlace = this.#links.get(seq) ?? new Map<string, OpenLink[]>();
    const same = ofPlace.get(link.prevHash) ?? [];
    same.push(link);
    ofPlace.set(link.prevHash, same);
    this.#links.set(seq, ofPlace);
  }

  /** Closes those of events at `seq` that link to this hash. Returns how many there were. */
  close(seq: number, hash: string): number {
    const ofPlace = this.#links.get(seq);
    const closed = ofPlace?.get(hash)?.length ?? 0;
    if (closed > 0) ofPlace?.delete(hash);
    if (ofPlace?.size === 0) this.#links.delete(seq);
    return closed;
  }

  of(seq: number): readonly OpenLink[] {
    return [...(this.#links.get(seq)?.values() ?? [])].flat();
  }

  /** The places that have some. */
  places(): Iterable<number> {
    return this.#links.keys();
  }
}
