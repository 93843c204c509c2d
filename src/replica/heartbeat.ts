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
  readonly failed: (error: unknown) => void;
}

/** Writes one entry again and again. */
export interface Heartbeat {
  /** One more at once. */
  now(): void;
  /** No more, and the entry is removed if the store can be reached. Never rejects. */
  stop(): Promise<void>;
}

export function startHeartbeat({ store, key, record, everyMs, expiresAt, failed }: HeartbeatOptions): Heartbeat {
  const stopping = new AbortController();
  let revision: number | undefined;
  const again = createWakeup();
  const running = run();

  async function run(): Promise<void> {
    while (!stopping.signal.aborted) {
      await write().catch(failed);
      await again.wait(stopping.signal, everyMs);
    }
  }

  async function write(): Promise<void> {
    const known = revision;
    const value = encodePresence(record());
    const options = { expiresAt: expiresAt() };
    // What fails leaves it open which revision the entry has.
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
      await store.delete(key).catch(failed);
    },
  };
}
