import { performance } from "node:perf_hooks";
import { type handleUnaryCall, type MethodDefinition, status } from "@grpc/grpc-js";
import { Problem } from "../token/problem.ts";
import { toServiceError } from "./status.ts";

/** Serves one method. What it throws or rejects with is mapped by `toServiceError`. */
export type Handler<Request, Response> = (request: Request, caller: string) => Response | Promise<Response>;

/**
 * Told of every call after it was answered: for metrics and the log. `code` is the name of the gRPC status; `cause` is set
 * for the unexpected alone.
 */
export type CallObserver = (call: { method: string; code: string; seconds: number; cause?: unknown }) => void;

/** In the place of a message that could not be decoded: grpc-js would answer INTERNAL before any handler runs. */
class Undecodable {}

const PROTO = Buffer.from("__proto__");
/** The name as a key of an encoded map entry, tag 1 and length 9, each as a varint of any length. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are bytes of the wire format.
const PROTO_KEY = /(?:\x0a|\x8a\x80*\0)(?:\x09|\x89\x80*\0)__proto__/;

/**
 * A method's definition whose decoder never throws. A map key `__proto__` makes a message undecodable as well: generated
 * code assigns it to a plain object, where it would vanish or become a prototype. The search may also hit a text that
 * looks like one, which nobody needs.
 */
export function decodeSafely<Request, Response>(
  definition: MethodDefinition<Request, Response>,
): MethodDefinition<Request, Response> {
  const { requestDeserialize } = definition;
  return {
    ...definition,
    requestDeserialize: (bytes) => {
      try {
        if (!bytes.includes(PROTO) || !PROTO_KEY.test(bytes.toString("latin1"))) return requestDeserialize(bytes);
      } catch {}
      return new Undecodable() as Request;
    },
  };
}

/**
 * The one wrapper of all handlers: it answers exactly once, whatever the handler does, since a second answer or a
 * rejection that nobody catches would break the call or the process.
 */
export function unary<Request, Response>(
  method: string,
  handler: Handler<Request, Response>,
  observe: CallObserver,
): handleUnaryCall<Request, Response> {
  return (call, callback) => {
    const start = performance.now();
    try {
      if (call.request instanceof Undecodable)
        throw new Problem("UNDECODABLE", "the request is not the protobuf message that this method takes");
      const answer = handler(call.request, CALLER);
      if (answer instanceof Promise) answer.then(succeed, fail);
      else succeed(answer);
    } catch (error) {
      fail(error);
    }

    function succeed(response: Response): void {
      callback(null, response);
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

/** Until callers prove themselves, only loopback is served, and everybody on it is this caller. */
const CALLER = "loopback";
