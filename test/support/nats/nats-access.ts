import type { NatsAccess } from "../../../src/nats/access.ts";

/** How a server without TLS and credentials is reached. */
export function openAccess(url: string): NatsAccess {
  return { servers: [url], tls: false, files: {} };
}
