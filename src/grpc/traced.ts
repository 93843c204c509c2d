import type { Metadata } from "@grpc/grpc-js";
import type { CallTracing } from "../trace/call-trace.ts";
import type { OnCall } from "./unary.ts";

/** A method of either kind as grpc-js sees it. */
type Served<Call, Rest extends unknown[]> = (call: Call, ...rest: Rest) => void;

/**
 * What `serve` makes for a method, with a trace of each call: from before its caller is named until it was answered and
 * reported. Without `calls`, the very same.
 */
export function traced<Call extends { readonly metadata: Metadata }, Rest extends unknown[]>(
  path: string,
  serve: (onCall: OnCall) => Served<Call, Rest>,
  onCall: OnCall,
  calls: CallTracing | undefined,
): Served<Call, Rest> {
  if (calls === undefined) return serve(onCall);
  const method = path.slice(1);
  const serveCall = serve((answered) => {
    onCall(answered);
    calls.current?.end(answered.code, answered.reason);
  });
  return (call, ...rest) => calls.run(method, headersOf(call.metadata), () => serveCall(call, ...rest));
}

/** A name that does not end in -bin has values of text. */
function headersOf(metadata: Metadata) {
  return {
    traceparent: metadata.get("traceparent") as string[],
    tracestate: metadata.get("tracestate") as string[],
  };
}
