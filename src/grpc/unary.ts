import { performance } from "node:perf_hooks";
import { type handleUnaryCall, type MethodDefinition, type ServerUnaryCall, status } from "@grpc/grpc-js";
import type { Caller } from "../caller.ts";
import { Problem } from "../problem/problem.ts";
import { toServiceError } from "./status.ts";

/** A call that is being served. `cancelled`: its client has gone away, or its deadline has passed. */
export type ServedCall = Pick<ServerUnaryCall<Buffer, Buffer>, "cancelled">;

/** Serves one method. Its errors are mapped by `toServiceError`. */
export type Handler<Request, Response> = (
  request: Request,
  caller: Caller,
  call: ServedCall,
) => Response | Promise<Response>;

/**
 * Called after every call has been answered, for metrics, the log and traces. `code` is the name of the gRPC status. An
 * error is either a Problem, whose code is `reason`, or unexpected: only then `cause` is set.
 */
export type OnCall = (call: {
  method: string;
  code: string;
  seconds: number;
  reason?: string;
  cause?: unknown;
}) => void;

/** What {@link OnCall} is told of an error. */
export function failureOf(error: unknown): { reason: string } | { cause: unknown } {
  return error instanceof Problem ? { reason: error.code } : { cause: error };
}

/** A method as it is served. `read` decodes a request, and throws the {@link Problem} of one that is refused. */
export interface ServedMethod<Request, Response> {
  readonly path: string;
  readonly read: (bytes: Buffer, caller: Caller) => Request;
  readonly responseSerialize: (response: Response) => Buffer;
}

/** Names the caller of a call. Throws or rejects with the Problem UNAUTHENTICATED. */
export type NameCaller = (call: Pick<ServerUnaryCall<Buffer, Buffer>, "metadata">) => Caller | Promise<Caller>;

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
 * Wraps a handler so that its call is answered exactly once, whatever the handler and `read` do. A second answer would
 * break the call, and an unhandled rejection would end the process.
 */
export function unary<Request, Response>(
  { path, read, responseSerialize }: ServedMethod<Request, Response>,
  handler: Handler<Request, Response>,
  nameCaller: NameCaller,
  onCall: OnCall,
): handleUnaryCall<Buffer, Buffer> {
  const method = path.slice(1);

  return (call, callback) => {
    const start = performance.now();
    let answer: Response | Promise<Response>;
    try {
      const caller = nameCaller(call);
      const serve = (caller: Caller) => handler(read(call.request, caller), caller, call);
      answer = caller instanceof Promise ? caller.then(serve) : serve(caller);
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
      onCall({ method, code, seconds, ...failureOf(error) });
    }
  };
}
