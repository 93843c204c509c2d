import type { Http2Server, IncomingHttpHeaders, ServerHttp2Session, ServerHttp2Stream } from "node:http2";
import type { Socket } from "node:net";
import { Server as TlsServer } from "node:tls";
import type { Server } from "@grpc/grpc-js";

type OnStream = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders, flags: number, raw: string[]) => void;

/** The HTTP/2 servers of a bound gRPC server, which are private to grpc-js. Undefined where it is built differently. */
export function http2ServersOf(server: Server): readonly Http2Server[] | undefined {
  const { http2Servers } = server as unknown as { readonly http2Servers?: unknown };
  return http2Servers instanceof Map ? [...http2Servers.keys()] : undefined;
}

/** Calls the listener with each session and the socket below it, which a session itself does not show. */
export function onSession(server: Http2Server, listener: (session: ServerHttp2Session, socket: Socket) => void): void {
  let accepted: Socket | undefined;
  // Node emits the session of a socket before it accepts the next one.
  server.prependListener(server instanceof TlsServer ? "secureConnection" : "connection", (socket: Socket) => {
    accepted = socket;
  });
  server.on("session", (session: ServerHttp2Session) => {
    if (accepted !== undefined) listener(session, accepted);
  });
}

/** Lets `wrap` decide what grpc-js gets: it is given what serves a stream there, and returns what does in its place. */
export function wrapStreams(server: Http2Server, wrap: (serve: OnStream) => OnStream): void {
  const [serve] = server.listeners("stream") as OnStream[];
  if (serve === undefined) throw new Error("grpc-js does not listen for streams: calls can't be bounded");
  server.removeAllListeners("stream");
  server.on("stream", wrap(serve));
}
