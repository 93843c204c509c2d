import type { AuditEvent, TimedEvent } from "../audit/event.ts";
import type { KeyCount } from "../audit/events/signatures.ts";
import type { SignedCount, SignedCounts } from "../audit/pipeline.ts";

/** The epoch of a writer, in which a verifier counts. */
interface Epoch {
  readonly writer: string;
  readonly epoch: number;
}

interface Key {
  /** Events token.issued that came here, that were refused, and that are in the log. */
  received: number;
  refused: number;
  issued: number;
  /** In the log before this epoch. */
  issuedBefore: number;
  withheld: number;
  /** `signed` when it was told last. */
  told: number;
}

/** Follows the events of tokens on their way into the log, by the key that signed. */
export class Tally {
  readonly #keys = new Map<string, Key>();
  #epoch: Epoch | undefined;

  /** These events were sent to the log. */
  received(items: readonly TimedEvent[]): void {
    for (const [event] of items) if (event.type === "token.issued") this.#of(event.keyId).received += 1;
  }

  /** This event was not stored. */
  refused(event: AuditEvent | undefined): void {
    if (event?.type === "token.issued") this.#of(event.keyId).refused += 1;
  }

  /** These events are in the log now. MUST be called before any later event is. */
  stored(events: readonly AuditEvent[], epoch: Epoch): void {
    this.#enter(epoch);
    for (const event of events) {
      if (event.type === "token.issued") this.#of(event.keyId).issued += 1;
      else if (event.type === "token.withheld") this.#of(event.keyId).withheld += 1;
    }
  }

  /**
   * Takes the counts of the thread that signs, which are of the moment at which they are received here: behind every
   * event that it had sent by then. The function that is returned counts at any later place in the log.
   */
  counting(counts: SignedCounts): (place: Epoch) => readonly KeyCount[] {
    const receivedThen = new Map([...this.#keys].map(([kid, { received }]) => [kid, received]));
    return (place) => {
      this.#enter(place);
      return [...counts].flatMap(([keyId, count]) => {
        const key = this.#of(keyId);
        const signed = count.signed + key.received - (receivedThen.get(keyId) ?? 0) - key.issuedBefore;
        return signed === key.told ? [] : [countOf(keyId, count, key, signed)];
      });
    };
  }

  /** These counts are in the log: they are told again only when they have changed. */
  told(keys: readonly KeyCount[]): void {
    for (const { keyId, signed } of keys) this.#of(keyId).told = signed;
  }

  /** A new epoch counts from its first event on. */
  #enter({ writer, epoch }: Epoch): void {
    if (this.#epoch?.writer === writer && this.#epoch.epoch === epoch) return;
    this.#epoch = { writer, epoch };
    for (const key of this.#keys.values()) {
      key.issuedBefore = key.issued;
      key.withheld = 0;
      key.told = 0;
    }
  }

  #of(kid: string): Key {
    const known = this.#keys.get(kid);
    if (known !== undefined) return known;
    const key = { received: 0, refused: 0, issued: 0, issuedBefore: 0, withheld: 0, told: 0 };
    this.#keys.set(kid, key);
    return key;
  }
}

function countOf(keyId: string, { unrecorded, selfTests }: SignedCount, key: Key, signed: number): KeyCount {
  return {
    ...{ keyId, signed, selfTests, withheld: key.withheld },
    issued: key.issued - key.issuedBefore,
    unrecorded: unrecorded + key.refused,
    inFlight: key.received - key.issued - key.refused,
  };
}
