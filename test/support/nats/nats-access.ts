import type { NatsAccess } from "../../../src/nats/access.ts";

/** How a server without TLS and credentials is reached, or one of several with commas between. */
export function openAccess(url: string): NatsAccess {
  return { servers: url.split(","), tls: false, files: {} };
}
