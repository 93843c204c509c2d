import { setTimeout as pause } from "node:timers/promises";
import { type KeyValue, StateError } from "../state/keyvalue.ts";
import { type Heartbeat, heartbeat } from "./heartbeat.ts";
import { type PresenceRecord, parsePresence, REPLICAS } from "./presence-record.ts";

export interface PresenceOptions {
  readonly store: KeyValue;
  /** Of this replica, for ever: `[A-Za-z0-9_-]+`. */
  readonly id: string;
  readonly version: string;
  /** Unix milliseconds. */
  readonly now: () => number;
  /** Milliseconds of a clock that nobody sets. */
  readonly monotonic: () => number;
  readonly heartbeatMs: number;
  /** How much the clocks of replicas may differ, in milliseconds. */
  readonly skewMs: number;
  /** The store took a heartbeat of this replica and told of it. */
  readonly heard: () => void;
  readonly report: (event: PresenceEvent) => void;
}

export type PresenceEvent =
  /** Another process writes under the id of this one: its data folder was copied. */
  | { readonly type: "replica.twin"; readonly replica: string }
  | { readonly type: "replica.failed"; readonly error: unknown };

/** A replica that lives. */
export interface Replica {
  readonly id: string;
  readonly version: string;
  readonly epochs: Readonly<Record<string, number>>;
}

/** Which replicas live, and which epochs they hold. */
export interface Presence {
  readonly id: string;
  /** Tells all that this replica holds the epoch now, at once. */
  announce(keyset: string, epoch: number): void;
  /** All that live, by id, this one with them. */
  live(): readonly Replica[];
  /** The ids of those that live and do not hold this epoch, or a later one, of the keyset. */
  late(keyset: string, epoch: number): readonly string[];
  start(): void;
  /** Leaves: the others wait for this replica no longer. Never rejects. */
  stop(): Promise<void>;
}

/** A replica that has been silent for so many heartbeats is taken for dead. */
const MISSED = 5;
const REOPEN_MS = 1_000;

interface Seen {
  readonly record: PresenceRecord;
  readonly at: number;
}

export function createPresence(options: PresenceOptions): Presence {
  const { store, id, version, now, monotonic, heartbeatMs, heard, report } = options;
  const startedAt = now();
  const stopping = new AbortController();
  const others = new Map<string, Seen>();
  let epochs: Readonly<Record<string, number>> = {};
  let running: Promise<unknown> = Promise.resolve();
  let beat: Heartbeat | undefined;
  let lastHeard = monotonic();
  let twinTold = false;

  function take(key: string, value: Uint8Array): void {
    const record = parsePresence(value);
    const replica = key.slice(REPLICAS.length);
    if (record === undefined) return;
    if (replica !== id) {
      others.set(replica, { record, at: monotonic() });
    } else if (record.startedAt === startedAt) {
      lastHeard = monotonic();
      heard();
    } else if (record.startedAt > startedAt && !twinTold) {
      twinTold = true;
      report({ type: "replica.twin", replica });
    }
  }

  async function follow(): Promise<void> {
    while (!stopping.signal.aborted) {
      try {
        for await (const change of store.watch(REPLICAS, stopping.signal)) {
          if (change.type === "put") take(change.entry.key, change.entry.value);
          if (change.type === "delete") others.delete(change.key.slice(REPLICAS.length));
        }
      } catch (error) {
        if (!isOutage(error)) report({ type: "replica.failed", error });
      }
      await pause(REOPEN_MS, undefined, { signal: stopping.signal }).catch(() => undefined);
    }
  }

  /** Who is cut off hears nobody: then the others are as they were when the store was last heard of. */
  function live(): Replica[] {
    const since = lastHeard - MISSED * heartbeatMs;
    const alive = [...others].filter(([, { at }]) => at >= since);
    const all = [{ id, version, epochs }, ...alive.map(([other, { record }]) => replicaOf(other, record))];
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
    late: (keyset, epoch) =>
      live()
        .filter((replica) => (replica.epochs[keyset] ?? 0) < epoch)
        .map((replica) => replica.id),
    start() {
      beat = heartbeat({
        store,
        key: `${REPLICAS}${id}`,
        record: () => ({ version, startedAt, epochs }),
        everyMs: heartbeatMs,
        // A reader whose clock is ahead must not find it expired while it beats.
        expiresAt: () => now() + MISSED * heartbeatMs + options.skewMs,
        failed: (error) => isOutage(error) || report({ type: "replica.failed", error }),
      });
      running = follow();
    },
    async stop() {
      await beat?.stop();
      stopping.abort();
      await running;
    },
  };
}

function replicaOf(id: string, { version, epochs }: PresenceRecord): Replica {
  return { id, version, epochs };
}

/** The link tells of an outage, once. */
function isOutage(error: unknown): boolean {
  return error instanceof StateError && error.code === "UNAVAILABLE";
}
