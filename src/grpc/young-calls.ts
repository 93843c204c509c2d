import type { Http2Server, Http2Session } from "node:http2";
import { isMap } from "node:util/types";
import { setFlagsFromString } from "node:v8";
import type { Server } from "@grpc/grpc-js";
import { StreamTable } from "./stream-table.ts";

/**
 * Lets what belongs to a call die with it, in the whole process, for good. Else an eighth of all that calls allocate is copied
 * twice, in vain, before a full collection finds that it is garbage, which costs as much as signing: through the Map in which
 * Node's HTTP/2 sessions keep their open streams (see {@link StreamTable}), and because V8, which sees it survive, puts such
 * objects among the long-lived ones at once, where each keeps alive what it points to.
 *
 * Of a server that is bound. Where Node or grpc-js are built in another way, all goes on as it would without.
 */
export function keepCallsYoung(server: Server): void {
  setFlagsFromString("--no-allocation-site-pretenuring");
  const { http2Servers } = server as unknown as { readonly http2Servers?: unknown };
  if (!(http2Servers instanceof Map)) return;
  for (const http2Server of http2Servers.keys() as Iterable<Http2Server>) http2Server.on("session", keepStreamsYoung);
}

function keepStreamsYoung(session: Http2Session): void {
  for (const symbol of Object.getOwnPropertySymbols(session)) {
    const state = (session as unknown as Record<symbol, unknown>)[symbol];
    if (symbol.description !== "state" || !hasStreams(state) || state.streams.size > 0) continue;
    state.streams = new StreamTable();
  }
}

function hasStreams(state: unknown): state is { streams: Map<number, unknown> } {
  return typeof state === "object" && state !== null && "streams" in state && isMap(state.streams);
}
