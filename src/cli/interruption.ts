import { once } from "node:events";
import type { Io } from "./io.ts";

/**
 * Runs `work` until it settles, or until SIGINT, SIGTERM or a reader that closes the pipe (`signet audit tail | head`)
 * interrupts it: then it resolves with undefined at once, even while the work connects or waits for an answer. The
 * signal is aborted in any case.
 */
export async function untilInterrupted<Result>(
  io: Io,
  work: (signal: AbortSignal) => Promise<Result>,
): Promise<Result | undefined> {
  const stop = new AbortController();
  const stopped = once(stop.signal, "abort").then(() => undefined);
  const abort = () => stop.abort();
  io.signals.once("SIGINT", abort);
  io.signals.once("SIGTERM", abort);
  io.stdout.once("error", abort);
  try {
    return await Promise.race([work(stop.signal), stopped]);
  } finally {
    io.signals.off("SIGINT", abort);
    io.signals.off("SIGTERM", abort);
    io.stdout.off("error", abort);
    abort();
  }
}
