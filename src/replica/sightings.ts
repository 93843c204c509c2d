import { createReportLimit } from "../async/report-limit.ts";
import { createDifferenceFilter, type Digests, type OnDifferences, type PresenceRecord } from "./presence-record.ts";

/** A replica, as of its last heartbeat. */
export interface Replica {
  readonly id: string;
  readonly version: string;
  readonly epochs: Readonly<Record<string, number>>;
  /** Who writes its audit log: another than its id once it has begun a new log. */
  readonly writer: string;
}

export interface SightingsOptions {
  /** Unix milliseconds. */
  readonly now: () => number;
  /** Milliseconds of a clock that is never set. */
  readonly monotonic: () => number;
  /** A heartbeat older than this when it is first read, in milliseconds, is not a sign of life. */
  readonly freshMs: number;
  readonly digests: Digests;
  /** Called for replicas that are alive. */
  readonly onDifferences: OnDifferences;
}

/** The other replicas, and when this one last received a heartbeat of each, by the monotonic clock. */
export interface Sightings {
  has(id: string): boolean;
  /** `expiresAt`: how long the replica may issue, in Unix milliseconds. */
  take(id: string, record: PresenceRecord, expiresAt: number): void;
  /** The replica left, or may no longer issue. */
  forget(id: string): void;
  /** Replicas with a heartbeat at or after this moment of the monotonic clock. */
  since(moment: number): readonly Replica[];
  /** Replicas whose last heartbeat was before it, and that may still issue. */
  before(moment: number): readonly Replica[];
}

interface Seen {
  readonly replica: Replica;
  readonly at: number;
  readonly expiresAt: number;
}

export function createSightings({ now, monotonic, freshMs, digests, onDifferences }: SightingsOptions): Sightings {
  const others = new Map<string, Seen>();
  const compare = createDifferenceFilter(digests, onDifferences, createReportLimit(now));
  const replicasOf = (which: (seen: Seen) => boolean) =>
    [...others.values()].filter(which).map(({ replica }) => replica);

  /** How long the replica has been silent: a heartbeat may have been written long before it is first read. */
  function silenceOf({ at = now() }: PresenceRecord): number {
    const age = now() - at;
    return age > freshMs ? age : 0;
  }

  return {
    has: (id) => others.has(id),
    take(id, record, expiresAt) {
      const { version, epochs, writer = id } = record;
      const silentMs = silenceOf(record);
      others.set(id, { replica: { id, version, epochs, writer }, at: monotonic() - silentMs, expiresAt });
      if (silentMs === 0) compare(id, record.digests ?? {});
    },
    forget: (id) => void others.delete(id),
    since: (moment) => replicasOf(({ at }) => at >= moment),
    before: (moment) => replicasOf(({ at, expiresAt }) => at < moment && now() < expiresAt),
  };
}
