import { once } from "node:events";
import { performance } from "node:perf_hooks";
import {
  type handleServerStreamingCall,
  type MethodDefinition,
  type ServerWritableStream,
  status,
} from "@grpc/grpc-js";
import { Problem } from "../problem/problem.ts";
import { toServiceError } from "./status.ts";
import { CALLER, type CallObserver } from "./unary.ts";
import { decodeRequest } from "./wire/decode-request.ts";

/** Serves one method until the signal aborts. What it throws is mapped by `toServiceError`. */
export type StreamHandler<Request, Response> = (
  request: Request,
  caller: string,
  signal: AbortSignal,
) => AsyncIterable<Response>;

export interface StreamLimits {
  readonly streams: OpenStreams;
  /** How long a client may take nothing of what waits for it, in milliseconds. */
  readonly stalledMs: number;
}

/**
 * The wrapper of all handlers that stream. It takes a message only when the client has room for it, ends the handler when
 * the client is gone, the server stops or nothing is read any more, and ends the call exactly once. A stream has no deadline
 * but its client's.
 */
export function serverStream<Request, Response>(
  { path, requestDeserialize, responseSerialize }: MethodDefinition<Request, Response>,
  handler: StreamHandler<Request, Response>,
  { streams, stalledMs }: StreamLimits,
  observe: CallObserver,
): handleServerStreamingCall<Buffer, Buffer> {
  const method = path.slice(1);

  return (call) => {
    const start = performance.now();
    const tell = (code: string, more: { cause?: unknown } = {}) =>
      observe({ method, code, seconds: (performance.now() - start) / 1000, ...more });
    serve(call).then(
      () => {
        call.end();
        tell("OK");
      },
      (error: unknown) => {
        if (call.cancelled) return tell("CANCELLED");
        const serviceError = toServiceError(error);
        call.emit("error", serviceError);
        tell(status[serviceError.code] ?? "UNKNOWN", error instanceof Problem ? {} : { cause: error });
      },
    );
  };

  async function serve(call: ServerWritableStream<Buffer, Buffer>): Promise<void> {
    const stream = streams.open();
    call.once("cancelled", () => stream.abort(new Error("the client has gone")));
    try {
      const request = decodeRequest(requestDeserialize, call.request);
      for await (const message of handler(request, CALLER, stream.signal))
        if (!call.write(responseSerialize(message))) await drained(call, stream);
      stream.signal.throwIfAborted();
    } finally {
      stream.close();
    }
  }

  async function drained(call: ServerWritableStream<Buffer, Buffer>, { signal, abort }: OpenStream): Promise<void> {
    const timer = setTimeout(() => abort(stalled(stalledMs)), stalledMs);
    try {
      await once(call, "drain", { signal });
    } finally {
      clearTimeout(timer);
      signal.throwIfAborted();
    }
  }
}

function stalled(ms: number): Problem {
  const message = `nothing was read for ${ms / 1000} seconds: watch again, and read faster`;
  return new Problem("SLOW_READER", message, { retryAfterMs: 1_000 });
}

/** The streams that a server has open. Each holds memory for as long as its client likes. */
export interface OpenStreams {
  /** Takes a place for one more, to be given back by `close`. Throws the Problem TOO_MANY_STREAMS, or STOPPING. */
  open(): OpenStream;
  /** Ends all: those who watch go to another replica. */
  stop(): void;
}

interface OpenStream {
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
