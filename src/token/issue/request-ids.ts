import { Problem } from "../../problem/problem.ts";

/** How long an answer is kept, in milliseconds. */
const WINDOW_MS = 120_000;

/** The oldest answers leave first: a flood of ids costs memory that is bounded, and shortens the window. */
const MAX_ENTRIES = 10_000;
/** Of all sizes together. An answer takes about seven times its size. */
const MAX_SIZE = 8 * 1024 * 1024;

/** What is asked for: the same `key` with the same `content`. `size` is the length of the answer's claims as text. */
interface Asked {
  readonly key: string;
  readonly content: string;
  readonly size: number;
}

interface Entry<Answer> extends Asked {
  readonly since: number;
  readonly answer: Promise<Answer>;
}

/**
 * Makes a quick retry safe: within two minutes the same `key` with the same `content` gets the same answer, also while the
 * first is still being made. A failure is forgotten, so that a retry tries again.
 *
 * @throws Problem REQUEST_ID_REUSED for a known key with other content.
 */
export function requestIds<Answer>(now: () => number) {
  // In the order in which they came, so that the oldest is the first.
  const entries = new Map<string, Entry<Answer>>();
  let kept = 0;

  return (asked: Asked, make: () => Promise<Answer>): Promise<Answer> => {
    forgetOld();
    const known = entries.get(asked.key);
    if (known === undefined) return remember({ ...asked, since: now(), answer: make() });
    if (known.content === asked.content) return known.answer;
    throw new Problem("REQUEST_ID_REUSED", "this request_id was used for another request within the last 2 minutes");
  };

  function remember(entry: Entry<Answer>): Promise<Answer> {
    for (const oldest of entries.values()) {
      if (entries.size < MAX_ENTRIES && kept + entry.size <= MAX_SIZE) break;
      forget(oldest);
    }
    entries.set(entry.key, entry);
    kept += entry.size;
    entry.answer.catch(() => forget(entry));
    return entry.answer;
  }

  function forget(entry: Entry<Answer>): void {
    // Another one may have taken its place.
    if (entries.get(entry.key) !== entry) return;
    entries.delete(entry.key);
    kept -= entry.size;
  }

  function forgetOld(): void {
    const over = now() - WINDOW_MS;
    for (const entry of entries.values()) {
      if (entry.since > over) return;
      forget(entry);
    }
  }
}
