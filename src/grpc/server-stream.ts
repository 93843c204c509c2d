import { once } from "node:events";
import { performance } from "node:perf_hooks";
import { type handleServerStreamingCall, type ServerWritableStream, status } from "@grpc/grpc-js";
import { pause } from "../async/timeout.ts";
import type { Caller } from "../caller.ts";
import { Problem } from "../problem/problem.ts";
import { toServiceError } from "./status.ts";
import { failureOf, type NameCaller, type OnCall, type ServedMethod } from "./unary.ts";

/** Serves one method until the signal aborts. Its errors are mapped by `toServiceError`. */
export type StreamHandler<Request, Response> = (
  request: Request,
  caller: Caller,
  signal: AbortSignal,
) => AsyncIterable<Response>;

export interface StreamLimits {
  readonly streams: OpenStreams;
  /** How long a client may leave messages unread, in milliseconds. */
  readonly stalledMs: number;
  /** How often the proof of a stream's caller is checked again, in milliseconds. */
  readonly proveAgainMs: number;
}

/** How the callers of calls are named. */
export interface Naming {
  readonly nameCaller: NameCaller;
  /** Checks the proof of a call again, as {@link NameCaller} did. */
  readonly proveAgain: NameCaller;
}

/**
 * Wraps a handler that streams. It takes the next message only when the client has room for it. It ends the handler
 * when the client disconnects, the server stops, the client stops reading or its proof no longer counts, and it ends
 * the call exactly once. The only deadline is the client's.
 */
export function serverStream<Request, Response>(
  { path, read, responseSerialize }: ServedMethod<Request, Response>,
  handler: StreamHandler<Request, Response>,
  { nameCaller, proveAgain }: Naming,
  { streams, stalledMs, proveAgainMs }: StreamLimits,
  onCall: OnCall,
): handleServerStreamingCall<Buffer, Buffer> {
  const method = path.slice(1);

  return (call) => {
    const start = performance.now();
    const report = (code: string, more: { reason?: string; cause?: unknown } = {}) =>
      onCall({ method, code, seconds: (performance.now() - start) / 1000, ...more });
    serve(call).then(
      () => {
        call.end();
        report("OK");
      },
      (error: unknown) => {
        if (call.cancelled) return report("CANCELLED");
        const serviceError = toServiceError(error);
        call.emit("error", serviceError);
        report(status[serviceError.code] ?? "UNKNOWN", failureOf(error));
      },
    );
  };

  async function serve(call: ServerWritableStream<Buffer, Buffer>): Promise<void> {
    // Only then: while the keys of an issuer are fetched, clients that prove nothing would take the places of all.
    const caller = await nameCaller(call);
    if (call.cancelled) throw disconnected();
    const stream = streams.open();
    const ended = new AbortController();
    call.once("cancelled", () => stream.abort(disconnected()));
    try {
      const request = read(call.request, caller);
      void abortWhenUnproven(call, stream, ended.signal);
      for await (const message of handler(request, caller, stream.signal))
        if (!call.write(responseSerialize(message))) await drained(call, stream);
      stream.signal.throwIfAborted();
    } finally {
      ended.abort();
      stream.close();
    }
  }

  /**
   * A call that comes now is proven by what counts now: a token that has not expired, is not revoked, and whose key its
   * issuer still publishes. Otherwise a stolen token would be of use for as long as its watch lives.
   */
  async function abortWhenUnproven(
    call: ServerWritableStream<Buffer, Buffer>,
    stream: OpenStream,
    ended: AbortSignal,
  ): Promise<void> {
    for (;;) {
      await pause(proveAgainMs, ended);
      if (ended.aborted) return;
      try {
        await proveAgain(call);
      } catch (error) {
        // Keys that can't be read just now prove nothing against it.
        if (error instanceof Problem && error.code === "UNAUTHENTICATED") return stream.abort(error);
      }
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

function disconnected(): Error {
  return new Error("the client has disconnected");
}

function stalled(ms: number): Problem {
  const message = `nothing was read for ${ms / 1000} seconds: watch again, and read faster`;
  return new Problem("SLOW_READER", message, { retryAfterMs: 1_000 });
}

/** The open streams of a server. Each takes memory until its client ends it, so their number is limited. */
export interface OpenStreams {
  /** Counts one more stream until its `close`. Throws the Problem TOO_MANY_STREAMS or STOPPING. */
  open(): OpenStream;
  /** Ends all streams, so that their clients watch another replica, and opens no more. */
  stop(): void;
}

interface OpenStream {
  /** Its reason is the error that ends the call. */
  readonly signal: AbortSignal;
  abort(reason: Error): void;
  close(): void;
}

export function createStreams(limit: number): OpenStreams {
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
  const message = `the server has ${limit} streams open, its maximum`;
  return new Problem("TOO_MANY_STREAMS", message, { retryAfterMs: 10_000 });
}

function stopping(): Problem {
  return new Problem("STOPPING", "the server is stopping: watch again", { retryAfterMs: 1_000 });
}
