import { createDifferenceFilter, type Digests, type OnDifferences, type PresenceRecord } from "./presence-record.ts";

/** A replica, as it last told. */
export interface Replica {
  readonly id: string;
  readonly version: string;
  readonly epochs: Readonly<Record<string, number>>;
}

export interface SightingsOptions {
  /** Unix milliseconds. */
  readonly now: () => number;
  /** Milliseconds of a clock that nobody sets. */
  readonly monotonic: () => number;
  /** What is older than this when it is first read, in milliseconds, is no sign of life. */
  readonly freshMs: number;
  readonly digests: Digests;
  /** Of those that are heard of now. */
  readonly differs: OnDifferences;
}

/** The other replicas, and when each of them was last heard of by the monotonic clock. */
export interface Sightings {
  has(id: string): boolean;
  /** `expiresAt`: until when it may issue, in Unix milliseconds. */
  take(id: string, record: PresenceRecord, expiresAt: number): void;
  /** It left, or may not issue any more. */
  forget(id: string): void;
  /** Those that were heard of since this moment of the monotonic clock. */
  since(moment: number): readonly Replica[];
  /** Those that were heard of before it, and may issue still. */
  before(moment: number): readonly Replica[];
}

interface Seen {
  readonly replica: Replica;
  readonly at: number;
  readonly expiresAt: number;
}

export function createSightings({ now, monotonic, freshMs, digests, differs }: SightingsOptions): Sightings {
  const others = new Map<string, Seen>();
  const compare = createDifferenceFilter(digests, differs);
  const replicasOf = (which: (seen: Seen) => boolean) =>
    [...others.values()].filter(which).map(({ replica }) => replica);

  /** What is read for the first time may have been written long ago. */
  function silenceOf({ at = now() }: PresenceRecord): number {
    const age = now() - at;
    return age > freshMs ? age : 0;
  }

  return {
    has: (id) => others.has(id),
    take(id, record, expiresAt) {
      const { version, epochs } = record;
      const silentMs = silenceOf(record);
      others.set(id, { replica: { id, version, epochs }, at: monotonic() - silentMs, expiresAt });
      if (silentMs === 0) compare(id, record.digests ?? {});
    },
    forget: (id) => void others.delete(id),
    since: (moment) => replicasOf(({ at }) => at >= moment),
    before: (moment) => replicasOf(({ at, expiresAt }) => at < moment && now() < expiresAt),
  };
}
