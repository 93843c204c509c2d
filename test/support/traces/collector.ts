import { once } from "node:events";
import { createServer, type IncomingHttpHeaders, type RequestListener, type ServerResponse } from "node:http";
import { createServer as createTlsServer, type ServerOptions } from "node:https";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";
import { recordShown } from "../leaks/record.ts";
import type { Ending } from "../service/shared.ts";
import { waitUntil } from "../wait-until.ts";
import { decodeSpans, type ReceivedSpan } from "./decode.ts";

export interface Collector {
  /** Where it takes spans. */
  readonly endpoint: string;
  readonly spans: readonly ReceivedSpan[];
  /** The body and the headers of each request. */
  readonly requests: readonly { readonly body: Buffer; readonly headers: IncomingHttpHeaders }[];
  /** Resolves with the first span for which the test holds. */
  span(what: string, test: (span: ReceivedSpan) => boolean): Promise<ReceivedSpan>;
}

/** Takes a request. The default answers 200. */
export type Answer = (answer: ServerResponse) => void;

/** Starts a collector that speaks OTLP over HTTP, or over TLS, on a random port, until the test ends. */
export async function startCollector(
  t: Ending,
  answer: Answer = (response) => void response.end(),
  tls?: ServerOptions,
): Promise<Collector> {
  const spans: ReceivedSpan[] = [];
  const requests: { body: Buffer; headers: IncomingHttpHeaders }[] = [];
  const take: RequestListener = async (request, response) => {
    const body = await buffer(request);
    recordShown("traces", body);
    requests.push({ body, headers: request.headers });
    spans.push(...decodeSpans(body));
    answer(response);
  };
  const server = tls === undefined ? createServer(take) : createTlsServer(tls, take);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  return {
    endpoint: `${tls === undefined ? "http" : "https"}://127.0.0.1:${(server.address() as AddressInfo).port}/v1/traces`,
    spans,
    requests,
    async span(what, test) {
      await waitUntil(`a span: ${what}`, () => spans.some(test));
      return spans.find(test) as ReceivedSpan;
    },
  };
}
