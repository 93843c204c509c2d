import type { ConnectionOptions, NatsConnection } from "nats";
import type { CertificateValidity } from "./access.ts";
import { connectQuietly } from "./connect.ts";

/** Options that are to replace others. */
export interface Renewal {
  readonly options: ConnectionOptions;
  /** Why they can't be used at present; undefined: they may be. */
  readonly obstacle: () => string | undefined;
  /** Rejects when a connection with them is of no use. */
  readonly prove: (connection: NatsConnection) => Promise<void>;
  /** This client's certificate; undefined without one. */
  readonly certificate: CertificateValidity | undefined;
}

const RECONNECT_MS = 250;
/**
 * A dead connection is found after three of them, and another server takes over within the time for one dial. That must
 * be before the other replicas count this one as dead, after ten seconds: they no longer wait for it then, and sign with
 * keys that it does not know.
 */
const PING_MS = 2000;
const DIAL_MS = 2000;

/**
 * Connects to one of the servers, each tried once. The connection comes back by itself for as long as it is open.
 * Rejects at once when the signal aborts first.
 */
export function dial(options: ConnectionOptions, signal: AbortSignal): Promise<NatsConnection> {
  const own: ConnectionOptions = {
    maxReconnectAttempts: -1,
    reconnectDelayHandler: steadyPace(RECONNECT_MS),
    pingInterval: PING_MS,
    maxPingOut: 2,
    timeout: DIAL_MS,
    // A server whose accounts are being changed refuses for a while, which must not end the link.
    ignoreAuthErrorAbort: true,
    // Servers name the others of their cluster each time. The first dial would never run out of them, and ask refusing
    // servers again and again without a pause; and credentials would go to addresses that no operator has listed.
    ignoreClusterUpdates: true,
  };
  return connectQuietly({ ...options, ...own }, signal);
}

/** Connects with changed options, and proves the connection. Rejects with an Error while they are of no use. */
export async function dialProven({ options, obstacle, prove }: Renewal, signal: AbortSignal): Promise<NatsConnection> {
  const reason = obstacle();
  if (reason !== undefined) throw new Error(reason);
  const connection = await dial(options, signal);
  try {
    await prove(connection);
    return connection;
  } catch (error) {
    await connection.close();
    throw error;
  }
}

/**
 * The delay before the library dials a server again. The library counts it from the wall clock: if that were set back
 * by an hour, it would wait for an hour. No delay is left once the pause is over by the monotonic clock.
 */
function steadyPace(pauseMs: number): () => number {
  let last = Number.NEGATIVE_INFINITY;
  return () => {
    if (performance.now() - last < pauseMs) return pauseMs;
    last = performance.now();
    return Number.NEGATIVE_INFINITY;
  };
}
