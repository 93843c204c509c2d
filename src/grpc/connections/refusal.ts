import { constants, type OutgoingHttpHeaders, type ServerHttp2Stream } from "node:http2";
import { Problem } from "../../problem/problem.ts";
import { toServiceError } from "../status.ts";

/** Ends the call of a stream with one status, whether it has begun to answer or not. */
export type Refusal = (stream: ServerHttp2Stream) => void;

/** The refusal of calls with RESOURCE_EXHAUSTED and this message. Its headers are built once. */
export function refusalOf(message: string): Refusal {
  const { code, details, metadata } = toServiceError(new Problem("TOO_MANY_CALLS", message, { retryAfterMs: 1_000 }));
  const headers: OutgoingHttpHeaders = {
    ":status": 200,
    "content-type": "application/grpc+proto",
    "grpc-status": code,
    "grpc-message": encodeURI(details),
    ...metadata.toHttp2Headers(),
  };
  return (stream) => {
    // It has been reset: no client waits for an answer.
    if (stream.destroyed || stream.closed) return;
    if (!stream.headersSent) stream.respond(headers, { endStream: true });
    // gRPC reads this code of a reset as RESOURCE_EXHAUSTED too.
    else stream.close(constants.NGHTTP2_ENHANCE_YOUR_CALM);
    // Otherwise it would stay open until its client ends the request.
    stream.destroy();
  };
}
