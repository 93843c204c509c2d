import { createChangeFilter } from "../async/changes.ts";
import { type Following, follow } from "../async/follow.ts";
import { type Change, type Entry, isUnavailable, type KeyValue } from "../state/keyvalue.ts";
import { type Heartbeat, startHeartbeat } from "./heartbeat.ts";
import { type Digests, parsePresence, REPLICAS } from "./presence-record.ts";
import { createSightings, type Replica } from "./sightings.ts";

export interface PresenceOptions {
  readonly store: KeyValue;
  /** The name of this replica, which never changes: `[A-Za-z0-9_-]+`. */
  readonly id: string;
  /** Who writes this replica's audit log now. */
  readonly writer: () => string;
  readonly version: string;
  /** Digests of the settings that all replicas must share. */
  readonly digests: Digests;
  /** Unix milliseconds. */
  readonly now: () => number;
  /** Milliseconds of a clock that is never set. */
  readonly monotonic: () => number;
  readonly heartbeatMs: number;
  /** The most by which the clocks of replicas may differ, in milliseconds. */
  readonly skewMs: number;
  /** How long this replica may issue without the store, in milliseconds. */
  readonly maxOfflineMs: number;
  /** The store has accepted a heartbeat of this replica and returned it. */
  readonly onContact: () => void;
  readonly report: (event: PresenceEvent) => void;
}

export type PresenceEvent =
  /** Another process uses this replica's id, because the data folder was copied. */
  | { readonly type: "replica.twin" }
  /** These parts of a live replica's configuration differ from this one's. */
  | { readonly type: "replica.differs"; readonly other: string; readonly parts: readonly string[] }
  /** Neither heartbeat nor watch works, although the store may be connected. Reported once for each change. */
  | { readonly type: "replica.cut_off"; readonly message: string }
  | { readonly type: "replica.failed"; readonly error: unknown };

/** The other replicas, and which epochs they hold. */
export interface Peers {
  /** Announces at once that this replica now holds the epoch. */
  announce(keyset: string, epoch: number): void;
  /** All live replicas, by id, including this one. */
  live(): readonly Replica[];
  /** Replicas that fell silent without leaving: disconnected from the store, they may still issue while listed here. */
  silent(): readonly Replica[];
  /** Looks at once for replicas that were not seen since this one started. Never rejects. */
  seek(): Promise<void>;
  /** The ids of live replicas that do not hold this epoch of the keyset, or a later one. */
  late(keyset: string, epoch: number): readonly string[];
}

/** The peers of a single process. */
export const NO_PEERS: Peers = {
  announce: () => {},
  live: () => [],
  silent: () => [],
  seek: async () => {},
  late: () => [],
};

/** This replica among its peers. */
export interface Presence extends Peers {
  readonly id: string;
  /** Why there is no contact with the store, human-readable. Undefined: nothing has failed since the last contact. */
  readonly obstacle: string | undefined;
  start(): void;
  /** Leaves: the other replicas no longer wait for this one. Never rejects. */
  stop(): Promise<void>;
}

/** A replica counts as dead after this many missed heartbeats. */
const MISSED = 5;
const REOPEN_MS = 1_000;

export function createPresence(options: PresenceOptions): Presence {
  const { store, id, writer, version, now, monotonic, heartbeatMs, onContact, report } = options;
  const startedAt = now();
  // A reader whose clock is ahead must not count this replica as dead while it beats.
  const aliveMs = MISSED * heartbeatMs + options.skewMs;
  const stopping = new AbortController();
  const others = createSightings({
    ...{ now, monotonic, freshMs: aliveMs, digests: options.digests },
    onDifferences: (other, parts) => report({ type: "replica.differs", other, parts }),
  });
  let epochs: Readonly<Record<string, number>> = {};
  let running: Promise<unknown> = Promise.resolve();
  let beat: Heartbeat | undefined;
  let lastContact = monotonic();
  let seenOwn = false;
  let twinReported = false;
  const failures = new Map<"heartbeat" | "watch", string>();
  const isNew = createChangeFilter(monotonic);
  // Without the heartbeat the watch has nothing to see, so its reason comes first.
  const obstacle = () => failures.get("heartbeat") ?? failures.get("watch");

  function take({ key, value, expiresAt = 0 }: Entry): void {
    const record = parsePresence(value);
    const replica = key.slice(REPLICAS.length);
    if (record === undefined) return;
    if (replica !== id) {
      others.take(replica, record, expiresAt);
    } else if (record.startedAt === startedAt) {
      lastContact = monotonic();
      seenOwn = true;
      failures.clear();
      isNew("");
      onContact();
    } else if (seenOwn && record.startedAt > startedAt && !twinReported) {
      // An entry from before the first heartbeat is from the last run, whose clock may have been ahead.
      twinReported = true;
      report({ type: "replica.twin" });
    }
  }

  function onError(part: "heartbeat" | "watch", error: unknown): void {
    const message = error instanceof Error ? error.message : String(error);
    failures.set(part, message);
    if (!isNew(obstacle() ?? "")) return;
    report(isUnavailable(error) ? { type: "replica.cut_off", message } : { type: "replica.failed", error });
  }

  const watch: Following<Change> = {
    source: (signal) => store.watch(REPLICAS, signal),
    onItem(change) {
      if (change.type === "put") take(change.entry);
      if (change.type === "delete") others.forget(change.key.slice(REPLICAS.length));
    },
    onError: (error) => onError("watch", error),
    pauseAfter: () => REOPEN_MS,
  };

  /** A disconnected replica receives no heartbeats: it judges its peers as of its last contact with the store. */
  function aliveSince(): number {
    return lastContact - MISSED * heartbeatMs;
  }

  function live(): Replica[] {
    const all = [{ id, version, epochs, writer: writer() }, ...others.since(aliveSince())];
    return all.sort((left, right) => (left.id < right.id ? -1 : 1));
  }

  return {
    id,
    get obstacle() {
      return obstacle();
    },
    announce(keyset, epoch) {
      if (epochs[keyset] === epoch) return;
      epochs = { ...epochs, [keyset]: epoch };
      beat?.now();
    },
    live,
    silent: () => others.before(aliveSince()),
    async seek() {
      try {
        for (const entry of await store.list(REPLICAS)) {
          const other = entry.key.slice(REPLICAS.length);
          if (other !== id && !others.has(other)) take(entry);
        }
      } catch (error) {
        onError("watch", error);
      }
    },
    late: (keyset, epoch) =>
      live()
        .filter((replica) => (replica.epochs[keyset] ?? 0) < epoch)
        .map((replica) => replica.id),
    start() {
      beat = startHeartbeat({
        store,
        key: `${REPLICAS}${id}`,
        record: () => ({ version, startedAt, epochs, at: now(), digests: options.digests, writer: writer() }),
        everyMs: heartbeatMs,
        // As long as this replica may issue while it is disconnected.
        expiresAt: () => now() + options.maxOfflineMs + aliveMs,
        onError: (error) => onError("heartbeat", error),
      });
      running = follow(watch, stopping.signal);
    },
    async stop() {
      await beat?.stop();
      stopping.abort();
      await running;
    },
  };
}
