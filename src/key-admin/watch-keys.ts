import { createWakeup, type Wakeup } from "../async/wakeup.ts";

/** Yields the keys of a keyset, or of all keysets when its name is empty: at once, and again after each change. */
export type WatchKeys<Key> = (keyset: string, signal: AbortSignal) => AsyncIterable<readonly Key[]>;

/** The state that all watchers of one keyset share. */
interface Watched<Key> {
  keys: readonly Key[];
  text: string;
  readonly changed: Wakeup;
  /** How many callers watch. */
  watchers: number;
}

/** Keys change by epochs, by imports and by time alone, so they are polled while at least one caller watches. */
const POLL_MS = 250;

/** `list` answers ListKeys, and throws for an unknown keyset. */
export function createWatchKeys<Key>(list: (keyset: string) => readonly Key[]): WatchKeys<Key> {
  const all = new Map<string, Watched<Key>>();
  let timer: NodeJS.Timeout | undefined;

  function poll(): void {
    for (const [keyset, watched] of all) {
      const keys = listOrKeep(keyset, watched);
      const text = JSON.stringify(keys);
      if (text === watched.text) continue;
      Object.assign(watched, { keys, text });
      watched.changed.wake();
    }
  }

  /** After an error the last keys stand, until the next poll. */
  function listOrKeep(keyset: string, { keys }: Watched<Key>): readonly Key[] {
    try {
      return list(keyset);
    } catch {
      return keys;
    }
  }

  function join(keyset: string): Watched<Key> {
    const known = all.get(keyset);
    if (known !== undefined) {
      known.watchers += 1;
      return known;
    }
    const keys = list(keyset);
    const watched = { keys, text: JSON.stringify(keys), changed: createWakeup(), watchers: 1 };
    all.set(keyset, watched);
    // Unref'ed: the calls that watch keep the process alive.
    timer ??= setInterval(poll, POLL_MS).unref();
    return watched;
  }

  function leave(keyset: string, watched: Watched<Key>): void {
    watched.watchers -= 1;
    if (watched.watchers === 0) all.delete(keyset);
    if (all.size > 0) return;
    clearInterval(timer);
    timer = undefined;
  }

  return async function* watch(keyset, signal) {
    const watched = join(keyset);
    try {
      for (let yielded = ""; !signal.aborted; ) {
        if (yielded !== watched.text) {
          yielded = watched.text;
          yield watched.keys;
          continue;
        }
        await watched.changed.wait(signal);
      }
    } finally {
      leave(keyset, watched);
    }
  };
}
