import { createWakeup, type Wakeup } from "../async/wakeup.ts";

/** The keys of a keyset, or of all when its name is empty: as they are, and again after each change. */
export type WatchKeys<Key> = (keyset: string, signal: AbortSignal) => AsyncIterable<readonly Key[]>;

/** Those who watch one keyset share what is looked at. */
interface Watched<Key> {
  keys: readonly Key[];
  text: string;
  readonly changed: Wakeup;
  /** How many callers watch. */
  watchers: number;
}

/** Keys change by epochs, by imports and by the time alone: so they are looked at this often while anyone watches. */
const LOOK_MS = 250;

/** `list` is asked for what it answers to ListKeys, and throws for a keyset that it does not know. */
export function createWatchKeys<Key>(list: (keyset: string) => readonly Key[]): WatchKeys<Key> {
  const all = new Map<string, Watched<Key>>();
  let timer: NodeJS.Timeout | undefined;

  function look(): void {
    for (const [keyset, watched] of all) {
      const keys = listed(keyset, watched);
      const text = JSON.stringify(keys);
      if (text === watched.text) continue;
      Object.assign(watched, { keys, text });
      watched.changed.wake();
    }
  }

  /** A turn that fails is tried again: who watches keeps what was told last. */
  function listed(keyset: string, { keys }: Watched<Key>): readonly Key[] {
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
    timer ??= setInterval(look, LOOK_MS).unref();
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
      for (let told = ""; !signal.aborted; ) {
        if (told !== watched.text) {
          told = watched.text;
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
