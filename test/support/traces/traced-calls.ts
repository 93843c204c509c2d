import { Metadata, type ServiceError } from "@grpc/grpc-js";
import { bounded } from "../bounded.ts";
import type { Collector } from "./collector.ts";

/** The configuration of a service that records every call. */
export function recordsAll({ endpoint }: Pick<Collector, "endpoint">): Record<string, string> {
  return { SIGNET_TRACES_ENDPOINT: endpoint, SIGNET_TRACES_SAMPLE_RATIO: "1" };
}

/** A caller's span, as W3C Trace Context writes it. */
export const TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736";
export const SPAN_ID = "00f067aa0ba902b7";
export const SAMPLED = `00-${TRACE_ID}-${SPAN_ID}-01`;
export const UNSAMPLED = `00-${TRACE_ID}-${SPAN_ID}-00`;

type Unary<Request, Response> = (
  request: Request,
  metadata: Metadata,
  options: { deadline: number },
  callback: (error: ServiceError | null, response: Response) => void,
) => unknown;

/** Makes one call with headers: one for each value of a name. Rejects with the ServiceError. */
export function callWith<Request, Response>(
  method: Unary<Request, Response>,
  request: Request,
  headers: Readonly<Record<string, string | readonly string[]>>,
): Promise<Response> {
  const metadata = new Metadata();
  for (const [name, values] of Object.entries(headers)) for (const value of [values].flat()) metadata.add(name, value);
  return new Promise((resolve, reject) => {
    method(request, metadata, bounded(), (error, response) => (error ? reject(error) : resolve(response)));
  });
}
