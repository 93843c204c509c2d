import { Problem } from "./problem.ts";

/** How long an answer is kept, in milliseconds. */
const WINDOW_MS = 120_000;

/** The oldest answers leave first: a flood of ids costs memory that is bounded, and shortens the window. */
const MAX_ENTRIES = 10_000;

interface Entry<Answer> {
  readonly since: number;
  readonly content: string;
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

  return (key: string, content: string, make: () => Promise<Answer>): Promise<Answer> => {
    forgetOld();
    const known = entries.get(key);
    if (known === undefined) return remember(key, { since: now(), content, answer: make() });
    if (known.content === content) return known.answer;
    throw new Problem("REQUEST_ID_REUSED", "this request_id was used for another request within the last 2 minutes");
  };

  function remember(key: string, entry: Entry<Answer>): Promise<Answer> {
    for (const oldest of entries.keys()) {
      if (entries.size < MAX_ENTRIES) break;
      entries.delete(oldest);
    }
    entries.set(key, entry);
    entry.answer.catch(() => entries.get(key) === entry && entries.delete(key));
    return entry.answer;
  }

  function forgetOld(): void {
    const over = now() - WINDOW_MS;
    for (const [key, { since }] of entries) {
      if (since > over) return;
      entries.delete(key);
    }
  }
}
