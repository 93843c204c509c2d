import { once } from "node:events";
import { performance } from "node:perf_hooks";
import {
  type handleServerStreamingCall,
  type MethodDefinition,
  type ServerWritableStream,
  status,
} from "@grpc/grpc-js";
import { Problem } from "../token/problem.ts";
import { decodeRequest } from "./decode-request.ts";
import type { OpenStream, OpenStreams } from "./open-streams.ts";
import { toServiceError } from "./status.ts";
import { CALLER, type CallObserver } from "./unary.ts";

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
