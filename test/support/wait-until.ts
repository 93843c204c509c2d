import { setTimeout as pause } from "node:timers/promises";

/** Between two looks, so that the one who waits does not take the CPU from what it waits for. */
const PAUSE_MS = 5;

/** Resolves when the condition holds; rejects when it does not within the bound. */
export async function waitUntil(
  what: string,
  holds: () => boolean | Promise<boolean>,
  boundMs = 30_000,
): Promise<void> {
  const until = Date.now() + boundMs;
  while (!(await holds())) {
    if (Date.now() > until) throw new Error(`not within ${boundMs} ms: ${what}`);
    await pause(PAUSE_MS);
  }
}
