import pino from "pino";
import type { Findings } from "../audit/forward/sink.ts";
import type { AuditReport } from "../audit/pipeline.ts";
import type { StepBack } from "../clock.ts";
import type { SecretsEvent } from "../keys/imported/views.ts";
import type { KeyringEvent } from "../keys/rotating/views.ts";
import type { Strays } from "../keys/store/strays.ts";
import type { InstallationEvent } from "../replica/installation.ts";
import type { PresenceEvent } from "../replica/presence.ts";
import type { Fault } from "../schema/fault.ts";

/** What the composition reports itself. `error` is an error of this service or of a library below it. */
type AppEvent =
  | { readonly type: "listening"; readonly grpc: string; readonly http: string }
  | {
      readonly type: "ready";
      readonly version: string;
      readonly grpc: string;
      readonly http: string;
      readonly nats: string;
    }
  | { readonly type: "config.warning"; readonly message: string }
  | { readonly type: "waiting"; readonly for: readonly string[] }
  | { readonly type: "stopping"; readonly reason: string }
  | { readonly type: "stop.failed"; readonly error: unknown }
  | { readonly type: "stopped" }
  | { readonly type: "call.failed"; readonly method: string; readonly error: unknown }
  | { readonly type: "audit.failed"; readonly error: unknown }
  | { readonly type: "kek.created"; readonly file: string }
  | { readonly type: "loss.accepted"; readonly loss: string }
  | { readonly type: "audit.new_writer"; readonly folder: string }
  | ({ readonly type: "clock.stepped_back" } & StepBack)
  | { readonly type: "revocations.failed"; readonly error: unknown }
  | { readonly type: "revocations.read"; readonly count: number; readonly complete: boolean }
  | { readonly type: "revocations.restored"; readonly count: number };

type KeysEvent =
  | ({ readonly type: "keys.rotated" } & Pick<EpochCreated, "keyset" | "epoch" | "reason" | "added" | "removed">)
  | { readonly type: "keys.failed"; readonly keyset: string; readonly error: unknown }
  | { readonly type: "keys.distrusted"; readonly keyset: string; readonly kid: string }
  | { readonly type: "keys.late"; readonly keyset: string; readonly kid: string; readonly replicas: readonly string[] }
  | { readonly type: "keys.restored"; readonly keyset: string; readonly epoch: number; readonly found: number }
  | { readonly type: "keys.mended"; readonly keyset: string; readonly epoch: number }
  | ({ readonly type: "keys.strays"; readonly keyset: string } & Strays)
  | { readonly type: "keys.dropped"; readonly keyset: string; readonly epoch: number; readonly kids: readonly string[] }
  | { readonly type: "keys.unrevoked"; readonly keyset: string; readonly epoch: number; readonly kid: string };

type EpochCreated = Extract<KeyringEvent, { type: "epoch.created" }>;

type ProfilesEvent =
  | { readonly type: "profiles.reloaded"; readonly changed: readonly string[]; readonly gone: readonly string[] }
  | { readonly type: "profiles.refused"; readonly faults: readonly Fault[]; readonly count: number }
  | { readonly type: "profiles.failed"; readonly error: unknown }
  | { readonly type: "profiles.shared"; readonly keyset: string; readonly profiles: readonly string[] }
  | { readonly type: "claim.failed"; readonly profile: string; readonly claim: string; readonly cause: string }
  | { readonly type: "warning.failed"; readonly profile: string; readonly code: string; readonly cause: string }
  | { readonly type: "rule.failed"; readonly profile: string; readonly rule: number; readonly cause: string }
  | { readonly type: "expression.too_costly"; readonly profile: string; readonly kind: string; readonly name: string };

/** Events of a replica's shared state, except those of {@link PresenceEvent}. */
type StateEvent =
  | { readonly type: "store.up"; readonly server: string }
  | { readonly type: "store.down"; readonly message: string }
  | ({ readonly type: "store.settings" } & Findings)
  | { readonly type: "store.damaged"; readonly damage: string }
  | { readonly type: "store.lost" | "store.failed"; readonly error: unknown }
  | { readonly type: "store.own_keys"; readonly folder: string }
  | { readonly type: "store.restored"; readonly keys: readonly string[] }
  | { readonly type: "clock.differs" | "clock.agrees"; readonly offsetMs: number }
  | { readonly type: "snapshot.damaged"; readonly file: string }
  | { readonly type: "snapshot.failed"; readonly error: unknown };

/**
 * Everything that may be logged: an allow-list of events with typed fields. It has no free text and no request, so no
 * token, key or personal claim can reach a log.
 */
export type LogEvent =
  | AppEvent
  | AuditReport
  | KeysEvent
  | SecretsEvent
  | ProfilesEvent
  | StateEvent
  | InstallationEvent
  | PresenceEvent;

export type Log = (level: "info" | "warn" | "error", event: LogEvent) => void;

/**
 * Writes one JSON line per event: `level`, `time` (RFC 3339), `replica` (its name, once it is known), `event` (its
 * type) and its fields.
 */
export function createLog(level: string, out: pino.DestinationStream, replica: () => string | undefined): Log {
  const logger = pino(
    {
      level,
      base: null,
      mixin: () => ({ replica: replica() }),
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { error: showError },
    },
    out,
  );
  return (severity, { type, ...fields }) => logger[severity]({ event: type, ...fields });
}

/** Name, code and message of an error and of its causes. Only an unexpected error, without a code, shows its stack. */
function showError(error: unknown): unknown {
  if (!(error instanceof Error)) return { message: "not an error" };
  const code = "code" in error ? error.code : undefined;
  const cause = error.cause === undefined ? undefined : showError(error.cause);
  return { name: error.name, code, message: error.message, cause, stack: code === undefined ? error.stack : undefined };
}
