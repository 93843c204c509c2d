import type { TransportOptions } from "../../../src/grpc/server.ts";

/** The transport of a small server. */
export const TRANSPORT: TransportOptions = {
  maxConnections: 10,
  maxOpenCalls: 100,
  maxConcurrentStreams: 100,
  maxMessageBytes: 16_384,
  maxUnreadBytes: 65_536,
  maxBufferedBytes: 1_048_576,
  maxDeadlineMs: 60_000,
  maxConnectionIdleMs: 60_000,
  maxConnectionAgeMs: 60_000,
  keepaliveMs: 60_000,
  youngCalls: true,
  tls: undefined,
  now: Date.now,
};
