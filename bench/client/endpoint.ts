import { readFileSync } from "node:fs";
import { type ChannelCredentials, credentials } from "@grpc/grpc-js";
import type { Server } from "../servers/process.ts";

/** Where a server listens, and how a client proves itself. */
export type Endpoint = Pick<Server, "address" | "tls">;

/** Options of an ordinary gRPC client. RFC 6066, 3 allows no IP address as SNI, which grpc-js would send. */
export const CLIENT_OPTIONS = { "grpc.ssl_target_name_override": "localhost" };

/** Credentials of an ordinary gRPC client. */
export function credentialsFor({ tls }: Endpoint): ChannelCredentials {
  if (tls === undefined) return credentials.createInsecure();
  return credentials.createSsl(readFileSync(tls.ca), readFileSync(tls.key), readFileSync(tls.cert));
}
