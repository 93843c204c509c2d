import { performance } from "node:perf_hooks";
import { type handleUnaryCall, type MethodDefinition, status } from "@grpc/grpc-js";
import { Problem } from "../problem/problem.ts";
import { toServiceError } from "./status.ts";

/** Serves one method. Its errors are mapped by `toServiceError`. */
export type Handler<Request, Response> = (request: Request, caller: string) => Response | Promise<Response>;

/**
 * Called after every call has been answered, for metrics and the log. `code` is the name of the gRPC status. `cause` is
 * set only for an unexpected error.
 */
export type OnCall = (call: { method: string; code: string; seconds: number; cause?: unknown }) => void;

/** The one caller. The service does not authenticate callers yet, and so it listens only on loopback. */
export const CALLER = "loopback";

/**
 * The method as grpc-js sees it: bytes in, bytes out. If grpc-js decoded and encoded messages itself, it would answer
 * failures in its own words, outside every handler.
 */
export function bytesOnly(definition: MethodDefinition<unknown, unknown>): MethodDefinition<Buffer, Buffer> {
  const same = (bytes: Buffer): Buffer => bytes;
  const codec = {
    requestSerialize: same,
    requestDeserialize: same,
    responseSerialize: same,
    responseDeserialize: same,
  };
  return { ...definition, ...codec };
}

/**
 * Wraps a handler so that its call is answered exactly once, whatever the handler and the decoder do. A second answer
 * would break the call, and an unhandled rejection would end the process. The method's decoder is a `requestDecoder`.
 */
export function unary<Request, Response>(
  { path, requestDeserialize, responseSerialize }: MethodDefinition<Request, Response>,
  handler: Handler<Request, Response>,
  onCall: OnCall,
): handleUnaryCall<Buffer, Buffer> {
  const method = path.slice(1);

  return (call, callback) => {
    const start = performance.now();
    let answer: Response | Promise<Response>;
    try {
      answer = handler(requestDeserialize(call.request), CALLER);
    } catch (error) {
      fail(error);
      return;
    }
    if (answer instanceof Promise) answer.then(succeed, fail);
    else succeed(answer);

    function succeed(response: Response): void {
      let bytes: Buffer;
      try {
        bytes = responseSerialize(response);
      } catch (error) {
        fail(error);
        return;
      }
      callback(null, bytes);
      onCall({ method, code: "OK", seconds: (performance.now() - start) / 1000 });
    }

    function fail(error: unknown): void {
      const serviceError = toServiceError(error);
      callback(serviceError);
      const code = status[serviceError.code] ?? "UNKNOWN";
      const seconds = (performance.now() - start) / 1000;
      onCall(error instanceof Problem ? { method, code, seconds } : { method, code, seconds, cause: error });
    }
  };
}
