const LEAST_MS = 60_000;

/**
 * How long an acknowledged event stays in the spool, in milliseconds. A server that syncs every so often forgets what
 * it acknowledged since when it loses power; twice its interval and at least a minute covers that. Only a server that
 * syncs before each acknowledgement (`always`) needs none.
 */
export function durabilityHorizon(syncInterval: number | "always"): number {
  return syncInterval === "always" ? 0 : Math.max(2 * syncInterval, LEAST_MS);
}
