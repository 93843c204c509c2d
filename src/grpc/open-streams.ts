import { Problem } from "../token/problem.ts";

/** The streams that a server has open. Each holds memory for as long as its client likes. */
export interface OpenStreams {
  /** Takes a place for one more, to be given back by `close`. Throws the Problem TOO_MANY_STREAMS, or STOPPING. */
  open(): OpenStream;
  /** Ends all: those who watch go to another replica. */
  stop(): void;
}

export interface OpenStream {
  /** Aborts, with the error that ends the call as its reason. */
  readonly signal: AbortSignal;
  abort(reason: Error): void;
  close(): void;
}

export function openStreams(limit: number): OpenStreams {
  const open = new Set<AbortController>();
  let stopped = false;
  return {
    open() {
      if (stopped) throw stopping();
      if (open.size === limit) throw tooMany(limit);
      const controller = new AbortController();
      open.add(controller);
      return {
        signal: controller.signal,
        abort: (reason) => controller.abort(reason),
        close: () => void open.delete(controller),
      };
    },
    stop() {
      stopped = true;
      for (const controller of open) controller.abort(stopping());
    },
  };
}

function tooMany(limit: number): Problem {
  const message = `the server has ${limit} streams open, which is the most that it serves`;
  return new Problem("TOO_MANY_STREAMS", message, { retryAfterMs: 10_000 });
}

function stopping(): Problem {
  return new Problem("STOPPING", "the server stops: watch again", { retryAfterMs: 1_000 });
}
