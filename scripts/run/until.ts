import { setTimeout as delay } from "node:timers/promises";
import type { Child } from "./child.ts";
import { RunError } from "./run-error.ts";

const EVERY_MS = 50;
const AT_MOST_MS = 120_000;

/**
 * Waits until `condition` holds for a child that is starting. Throws a {@link RunError} when the child ends or after
 * 120 s, and the signal's reason when it aborts.
 */
export async function until(condition: () => Promise<boolean>, child: Child, signal: AbortSignal): Promise<void> {
  const deadline = performance.now() + AT_MOST_MS;
  while (!(await condition())) {
    const end = await Promise.race([child.ended, delay(EVERY_MS, undefined, { signal })]);
    if (end !== undefined) throw new RunError(`${child.name} did not start (${end})`);
    if (performance.now() > deadline) throw new RunError(`${child.name} is not ready after ${AT_MOST_MS / 1000} s`);
  }
}
