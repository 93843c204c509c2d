import type { Caller } from "../caller.ts";
import type { StreamHandler } from "./server-stream.ts";
import type { Handler } from "./unary.ts";

/** Counts an open call of the caller until the returned function is called. Throws the Problem RATE_LIMITED. */
export type OpenCall = (caller: Caller) => () => void;

/** The handler, whose calls count as open until they are answered. */
export function countingCalls<Request, Response>(
  handler: Handler<Request, Response>,
  open: OpenCall,
): Handler<Request, Response> {
  return (request, caller, call) => {
    const close = open(caller);
    let answer: Response | Promise<Response> | undefined;
    try {
      answer = handler(request, caller, call);
      return answer instanceof Promise ? answer.finally(close) : answer;
    } finally {
      if (!(answer instanceof Promise)) close();
    }
  };
}

/** The handler, whose streams count as open until they end. */
export function countingStreams<Request, Response>(
  handler: StreamHandler<Request, Response>,
  open: OpenCall,
): StreamHandler<Request, Response> {
  return async function* (request, caller, signal) {
    const close = open(caller);
    try {
      yield* handler(request, caller, signal);
    } finally {
      close();
    }
  };
}
