import { setTimeout as timer } from "node:timers/promises";

/** What ends a wait before the work does. */
export interface Bounds {
  /** Milliseconds. Below 0, as what is left of a stop may be, it is 0: Node would warn on standard error. */
  readonly ms?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Settles as `work` does. When the time is over or the signal aborts first, settles as `otherwise` does, which may
 * throw; the work goes on, and how it ends is ignored. Keeps the process alive until the time is over, as
 * `AbortSignal.timeout` does not: a caller that waits for nothing else would never be answered.
 */
export async function within<Result>(
  { ms, signal }: Bounds,
  work: Promise<Result>,
  otherwise: (reason: "late" | "aborted") => Result,
): Promise<Result> {
  const ended = Promise.withResolvers<"late" | "aborted">();
  const abort = () => ended.resolve("aborted");
  const late = ms === undefined ? undefined : setTimeout(() => ended.resolve("late"), Math.max(ms, 0));
  signal?.addEventListener("abort", abort);
  if (signal?.aborted) abort();
  try {
    return await Promise.race([work, ended.promise.then(otherwise)]);
  } finally {
    clearTimeout(late);
    signal?.removeEventListener("abort", abort);
  }
}

/** Whether the work settles within `ms`, even by rejecting. Never rejects. */
export function endsWithin(ms: number, work: Promise<unknown>): Promise<boolean> {
  const settled = work.then(
    () => true,
    () => true,
  );
  return within({ ms }, settled, () => false);
}

/** Resolves after `ms`, or as soon as the signal aborts. Keeps the process alive until then. */
export async function pause(ms: number, signal?: AbortSignal): Promise<void> {
  await timer(ms, undefined, signal && { signal }).catch(() => undefined);
}
