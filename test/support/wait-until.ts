import { setTimeout as pause } from "node:timers/promises";
import { HANGS_MS } from "./bounded.ts";

/** The pause between two checks, so that waiting does not take the CPU from the work that it waits for. */
const PAUSE_MS = 5;

/** Resolves when the condition holds. Rejects if it does not hold within `boundMs`. */
export async function waitUntil(
  what: string,
  holds: () => boolean | Promise<boolean>,
  boundMs = HANGS_MS,
): Promise<void> {
  const until = Date.now() + boundMs;
  while (!(await holds())) {
    if (Date.now() > until) throw new Error(`not within ${boundMs} ms: ${what}`);
    await pause(PAUSE_MS);
  }
}
