import type { SpanContext } from "@opentelemetry/api";
import type { TraceHeaders } from "../trace/call-trace.ts";
import type { Libraries } from "./libraries.ts";

/** Version 00 has 55 characters. A later one may have more, of which none is read. */
const MAX_TRACEPARENT_LENGTH = 256;
/** As W3C Trace Context, 3.3.1.5 asks of everybody who passes it on. */
const MAX_TRACESTATE_LENGTH = 512;

/**
 * The span of the caller by its headers (W3C Trace Context). Undefined without one, and where `traceparent` is
 * malformed, too long or sent twice: the call is then the first of a trace. A `tracestate` that is too long is left out,
 * as are its malformed members.
 */
export function callerSpan(
  { traceparent, tracestate }: TraceHeaders,
  { core }: Pick<Libraries, "core">,
): SpanContext | undefined {
  const [text = "", ...others] = traceparent;
  if (others.length > 0 || text.length > MAX_TRACEPARENT_LENGTH) return undefined;
  const span = core.parseTraceParent(text);
  if (span === null) return undefined;
  const state = tracestate.join(",");
  return {
    ...span,
    isRemote: true,
    ...(state === "" || state.length > MAX_TRACESTATE_LENGTH ? {} : { traceState: new core.TraceState(state) }),
  };
}
