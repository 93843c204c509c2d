import { setImmediate as turn } from "node:timers/promises";

/** Resolves when the condition holds; rejects when it does not within the bound. */
export async function waitUntil(
  what: string,
  holds: () => boolean | Promise<boolean>,
  boundMs = 30_000,
): Promise<void> {
  const until = Date.now() + boundMs;
  while (!(await holds())) {
    if (Date.now() > until) throw new Error(`not within ${boundMs} ms: ${what}`);
    await turn();
  }
}
