import type { Http2Server } from "node:http2";
import type { Server } from "@grpc/grpc-js";

/** The HTTP/2 servers of a bound gRPC server, which are private to grpc-js. Undefined where it is built differently. */
export function http2ServersOf(server: Server): readonly Http2Server[] | undefined {
  const { http2Servers } = server as unknown as { readonly http2Servers?: unknown };
  return http2Servers instanceof Map ? [...http2Servers.keys()] : undefined;
}
