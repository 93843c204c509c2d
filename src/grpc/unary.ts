import { performance } from "node:perf_hooks";
import { type handleUnaryCall, type MethodDefinition, status } from "@grpc/grpc-js";
import { Problem } from "../problem/problem.ts";
import { toServiceError } from "./status.ts";
import { decodeRequest } from "./wire/decode-request.ts";

/** Serves one method. What it throws or rejects with is mapped by `toServiceError`. */
export type Handler<Request, Response> = (request: Request, caller: string) => Response | Promise<Response>;

/**
 * Told of every call after it was answered: for metrics and the log. `code` is the name of the gRPC status; `cause` is set
 * for the unexpected alone.
 */
export type CallObserver = (call: { method: string; code: string; seconds: number; cause?: unknown }) => void;

/** Until callers prove themselves, only loopback is served, and everybody on it is this caller. */
export const CALLER = "loopback";

/**
 * A method as grpc-js shall see it: bytes in, bytes out. Where it decodes and encodes itself, a message that fails is
 * answered in its own words before or behind every handler.
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
 * The one wrapper of all handlers: it answers exactly once, whatever the handler does, since a second answer or a
 * rejection that nobody catches would break the call or the process.
 */
export function unary<Request, Response>(
  { path, requestDeserialize, responseSerialize }: MethodDefinition<Request, Response>,
  handler: Handler<Request, Response>,
  observe: CallObserver,
): handleUnaryCall<Buffer, Buffer> {
  const method = path.slice(1);

  return (call, callback) => {
    const start = performance.now();
    let answer: Response | Promise<Response>;
    try {
      answer = handler(decodeRequest(requestDeserialize, call.request), CALLER);
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
      observe({ method, code: "OK", seconds: (performance.now() - start) / 1000 });
    }

    function fail(error: unknown): void {
      const serviceError = toServiceError(error);
      callback(serviceError);
      const code = status[serviceError.code] ?? "UNKNOWN";
      const seconds = (performance.now() - start) / 1000;
      observe(error instanceof Problem ? { method, code, seconds } : { method, code, seconds, cause: error });
    }
  };
}
