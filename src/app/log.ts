import pino from "pino";
import type { Fault } from "../schema/fault.ts";

/**
 * Everything that may be logged: an allow-list of events with typed fields. There is no free text and no request in it, so
 * that no token, key or personal claim can reach a log. `error` is an error of the service's own making or of a library
 * below it.
 */
type LogEvent =
  | {
      readonly event: "ready";
      readonly version: string;
      readonly grpc: string;
      readonly http: string;
      readonly nats: string;
    }
  | { readonly event: "listening"; readonly grpc: string; readonly http: string }
  | { readonly event: "waiting"; readonly for: readonly string[] }
  | { readonly event: "stopping"; readonly reason: string }
  | { readonly event: "stop.failed"; readonly error: unknown }
  | { readonly event: "stopped" }
  | { readonly event: "kek.created"; readonly file: string }
  | {
      readonly event: "keys.rotated";
      readonly keyset: string;
      readonly epoch: number;
      readonly reason: string;
      readonly added: readonly string[];
      readonly removed: readonly string[];
    }
  | { readonly event: "keys.failed"; readonly keyset: string; readonly error: unknown }
  | { readonly event: "keys.distrusted"; readonly keyset: string; readonly kid: string }
  | { readonly event: "keys.late"; readonly keyset: string; readonly kid: string; readonly replicas: readonly string[] }
  | { readonly event: "keys.restored"; readonly keyset: string; readonly epoch: number; readonly found: number }
  | {
      readonly event: "keys.dropped";
      readonly keyset: string;
      readonly epoch: number;
      readonly kids: readonly string[];
    }
  | { readonly event: "keys.unrevoked"; readonly keyset: string; readonly epoch: number; readonly kid: string }
  | { readonly event: "secrets.unreadable"; readonly profile: string; readonly tenant: string; readonly error: unknown }
  | { readonly event: "secrets.stray"; readonly key: string }
  | { readonly event: "secrets.distrusted"; readonly profile: string; readonly tenant: string; readonly kid: string }
  | { readonly event: "secrets.failed"; readonly error: unknown }
  | { readonly event: "revocations.failed"; readonly error: unknown }
  | { readonly event: "profiles.reloaded"; readonly changed: readonly string[]; readonly gone: readonly string[] }
  | { readonly event: "profiles.refused"; readonly faults: readonly Fault[]; readonly count: number }
  | { readonly event: "profiles.failed"; readonly error: unknown }
  | { readonly event: "profiles.shared"; readonly keyset: string; readonly profiles: readonly string[] }
  | { readonly event: "claim.failed"; readonly profile: string; readonly claim: string }
  | { readonly event: "warning.failed"; readonly profile: string; readonly code: string }
  | { readonly event: "clock.stepped_back"; readonly behind: number; readonly held: boolean }
  | { readonly event: "clock.differs" | "clock.agrees"; readonly offsetMs: number }
  | { readonly event: "store.up"; readonly server: string }
  | { readonly event: "store.down"; readonly message: string }
  | { readonly event: "store.differs"; readonly differences: readonly string[] }
  | { readonly event: "store.lost" | "store.failed"; readonly error: unknown }
  | { readonly event: "store.own_keys"; readonly folder: string }
  | { readonly event: "store.restored"; readonly keys: readonly string[] }
  | { readonly event: "snapshot.damaged"; readonly file: string }
  | { readonly event: "snapshot.failed"; readonly error: unknown }
  | { readonly event: "replica.twin"; readonly replica: string }
  | { readonly event: "replica.differs"; readonly replica: string; readonly parts: readonly string[] }
  | { readonly event: "replica.failed"; readonly error: unknown }
  | { readonly event: "audit.cut"; readonly file: string; readonly bytes: number }
  | { readonly event: "audit.failed"; readonly error: unknown }
  | { readonly event: "audit.forwarding"; readonly created: string; readonly differences: readonly string[] }
  | { readonly event: "audit.replaying"; readonly events: number }
  | { readonly event: "audit.retrying"; readonly code: string; readonly message: string; readonly retryInMs: number }
  | { readonly event: "audit.not-trimmed"; readonly message: string }
  | { readonly event: "nats.up"; readonly server: string }
  | { readonly event: "nats.down"; readonly message: string }
  | { readonly event: "call.failed"; readonly method: string; readonly error: unknown };

export type Log = (level: "info" | "warn" | "error", event: LogEvent) => void;

/** JSON lines, one an event: `level`, `time` (RFC 3339), `event` and its fields. */
export function createLog(level: string, out: pino.DestinationStream): Log {
  const logger = pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { error: showError },
    },
    out,
  );
  return (severity, event) => logger[severity](event);
}

/** The name, code and message of an error and of its causes; a stack only for what nobody expected. */
function showError(error: unknown): unknown {
  if (!(error instanceof Error)) return { message: "not an error" };
  const code = "code" in error ? error.code : undefined;
  const cause = error.cause === undefined ? undefined : showError(error.cause);
  return { name: error.name, code, message: error.message, cause, stack: code === undefined ? error.stack : undefined };
}
