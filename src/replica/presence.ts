import { type Following, follow } from "../async/follow.ts";
import { type Change, type Entry, isUnavailable, type KeyValue } from "../state/keyvalue.ts";
import { type Heartbeat, startHeartbeat } from "./heartbeat.ts";
import { type Digests, parsePresence, REPLICAS } from "./presence-record.ts";
import { createSightings, type Replica } from "./sightings.ts";

export interface PresenceOptions {
  readonly store: KeyValue;
  /** Of this replica, for ever: `[A-Za-z0-9_-]+`. */
  readonly id: string;
  readonly version: string;
  /** Of what this replica must have as all others have it. */
  readonly digests: Digests;
  /** Unix milliseconds. */
  readonly now: () => number;
  /** Milliseconds of a clock that nobody sets. */
  readonly monotonic: () => number;
  readonly heartbeatMs: number;
  /** How much the clocks of replicas may differ, in milliseconds. */
  readonly skewMs: number;
  /** How long this replica may issue without the store. */
  readonly maxOfflineMs: number;
  /** The store took a heartbeat of this replica and told of it. */
  readonly heard: () => void;
  readonly report: (event: PresenceEvent) => void;
}

export type PresenceEvent =
  /** Another process writes under the id of this one: its data folder was copied. */
  | { readonly type: "replica.twin"; readonly replica: string }
  /** A replica that lives runs with another configuration, in these parts. */
  | { readonly type: "replica.differs"; readonly replica: string; readonly parts: readonly string[] }
  | { readonly type: "replica.failed"; readonly error: unknown };

/** Which replicas there are, and which epochs they hold. */
export interface Presence {
  readonly id: string;
  /** Tells all that this replica holds the epoch now, at once. */
  announce(keyset: string, epoch: number): void;
  /** All that live, by id, this one with them. */
  live(): readonly Replica[];
  /** Those that fell silent without leaving: cut off from the store, they may issue for as long as they are told here. */
  silent(): readonly Replica[];
  /** Looks at once for replicas that were not heard of since this one started. Never rejects. */
  seek(): Promise<void>;
  /** The ids of those that live and do not hold this epoch, or a later one, of the keyset. */
  late(keyset: string, epoch: number): readonly string[];
  start(): void;
  /** Leaves: the others wait for this replica no longer. Never rejects. */
  stop(): Promise<void>;
}

/** A replica that has been silent for so many heartbeats is taken for dead. */
const MISSED = 5;
const REOPEN_MS = 1_000;

export function createPresence(options: PresenceOptions): Presence {
  const { store, id, version, now, monotonic, heartbeatMs, heard, report } = options;
  const startedAt = now();
  // A reader whose clock is ahead must not take it for dead while it beats.
  const aliveMs = MISSED * heartbeatMs + options.skewMs;
  const stopping = new AbortController();
  const others = createSightings({
    ...{ now, monotonic, freshMs: aliveMs, digests: options.digests },
    differs: (replica, parts) => report({ type: "replica.differs", replica, parts }),
  });
  let epochs: Readonly<Record<string, number>> = {};
  let running: Promise<unknown> = Promise.resolve();
  let beat: Heartbeat | undefined;
  let lastHeard = monotonic();
  let heardOwn = false;
  let twinTold = false;

  function take({ key, value, expiresAt = 0 }: Entry): void {
    const record = parsePresence(value);
    const replica = key.slice(REPLICAS.length);
    if (record === undefined) return;
    if (replica !== id) {
      others.take(replica, record, expiresAt);
    } else if (record.startedAt === startedAt) {
      lastHeard = monotonic();
      heardOwn = true;
      heard();
    } else if (heardOwn && record.startedAt > startedAt && !twinTold) {
      // What lay there before was left by this replica's last run, whose clock may have been ahead.
      twinTold = true;
      report({ type: "replica.twin", replica });
    }
  }

  function failed(error: unknown): void {
    // The link reports an outage, once.
    if (!isUnavailable(error)) report({ type: "replica.failed", error });
  }

  const watch: Following<Change> = {
    source: (signal) => store.watch(REPLICAS, signal),
    onItem(change) {
      if (change.type === "put") take(change.entry);
      if (change.type === "delete") others.forget(change.key.slice(REPLICAS.length));
    },
    onError: failed,
    pauseAfter: () => REOPEN_MS,
  };

  /** Who is cut off hears nobody: then the others are as they were when the store was last heard of. */
  function aliveSince(): number {
    return lastHeard - MISSED * heartbeatMs;
  }

  function live(): Replica[] {
    const all = [{ id, version, epochs }, ...others.since(aliveSince())];
    return all.sort((left, right) => (left.id < right.id ? -1 : 1));
  }

  return {
    id,
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
        failed(error);
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
        record: () => ({ version, startedAt, epochs, at: now(), digests: options.digests }),
        everyMs: heartbeatMs,
        // For as long as it may go on issuing unheard.
        expiresAt: () => now() + options.maxOfflineMs + aliveMs,
        failed,
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
