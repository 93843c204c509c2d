import { createWakeup } from "../async/wakeup.ts";
import type { KeyValue } from "../state/keyvalue.ts";
import { encodePresence, type PresenceRecord } from "./presence-record.ts";

export interface HeartbeatOptions {
  readonly store: KeyValue;
  readonly key: string;
  readonly record: () => PresenceRecord;
  readonly everyMs: number;
  /** Unix milliseconds. */
  readonly expiresAt: () => number;
  readonly onError: (error: unknown) => void;
}

/** Writes one entry at intervals. */
export interface Heartbeat {
  /** Writes it at once. */
  now(): void;
  /** Ends the writing, and removes the entry if the store is reachable. Never rejects. */
  stop(): Promise<void>;
}

export function startHeartbeat({ store, key, record, everyMs, expiresAt, onError }: HeartbeatOptions): Heartbeat {
  const stopping = new AbortController();
  let revision: number | undefined;
  const again = createWakeup();
  const running = run();

  async function run(): Promise<void> {
    while (!stopping.signal.aborted) {
      await write().catch(onError);
      await again.wait(stopping.signal, everyMs);
    }
  }

  async function write(): Promise<void> {
    const known = revision;
    const value = encodePresence(record());
    const options = { expiresAt: expiresAt() };
    // After a failure the revision of the entry is unknown.
    revision = undefined;
    if (known !== undefined) revision = await store.update(key, value, known, options);
    revision ??= await store.create(key, value, options);
    if (revision !== undefined) return;
    const found = await store.get(key);
    revision = found && (await store.update(key, value, found.revision, options));
  }

  return {
    now: again.wake,
    async stop() {
      stopping.abort();
      await running;
      await store.delete(key).catch(onError);
    },
  };
}
