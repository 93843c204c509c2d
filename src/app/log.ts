import pino from "pino";
import type { Reloaded, RuleSetChange } from "../access/live-rule-set.ts";
import type { Findings } from "../audit/forward/sink.ts";
import type { AuditReport } from "../audit/pipeline.ts";
import type { RefusedKey } from "../callers/jwks.ts";
import type { StepBack } from "../clock.ts";
import type { Ed25519 } from "../jose/ed25519/ed25519.ts";
import type { WhyOpenssl } from "../jose/ed25519/library.ts";
import type { SecretsEvent } from "../keys/imported/views.ts";
import type { KeyringEvent } from "../keys/rotating/views.ts";
import type { Strays } from "../keys/store/strays.ts";
import type { CertificateValidity } from "../nats/access.ts";
import type { InstallationEvent } from "../replica/installation.ts";
import type { PresenceEvent } from "../replica/presence.ts";
import type { Fault } from "../schema/fault.ts";
import type { CallTrace } from "../trace/call-trace.ts";

/** What the composition reports itself. `error` is an error of this service or of a library below it. */
type AppEvent =
  | { readonly type: "listening"; readonly grpc: string; readonly http: string; readonly internal?: string }
  | {
      readonly type: "ready";
      readonly version: string;
      readonly grpc: string;
      readonly http: string;
      readonly internal?: string;
      readonly nats: string;
      readonly ed25519: Ed25519["library"];
    }
  | { readonly type: "config.warning"; readonly message: string }
  | { readonly type: "ed25519.openssl"; readonly reason: WhyOpenssl; readonly error?: unknown }
  | { readonly type: "waiting"; readonly for: readonly string[] }
  | { readonly type: "stopping"; readonly reason: string }
  | { readonly type: "stop.failed"; readonly error: unknown }
  | { readonly type: "stopped" }
  | { readonly type: "manager.failed"; readonly error: unknown }
  | { readonly type: "call.failed"; readonly method: string; readonly error: unknown }
  /** By part: "rules" are profiles and policies; each other part is a section of the configuration. */
  | { readonly type: "reloaded"; readonly parts: Readonly<Record<string, Reloaded>> }
  | { readonly type: "certificates.reloaded"; readonly section: string }
  | { readonly type: "certificates.refused"; readonly section: string; readonly error: unknown }
  | { readonly type: "audit.failed"; readonly error: unknown }
  | { readonly type: "traces.lost"; readonly message: string }
  | { readonly type: "kek.created"; readonly file: string }
  | { readonly type: "loss.accepted"; readonly loss: string }
  | { readonly type: "audit.new_writer"; readonly folder: string }
  /** The state can't be written, so that no checkpoint is made. */
  | { readonly type: "audit.key_unregistered"; readonly error: unknown }
  /** A record among those of the writers is not authentic. */
  | { readonly type: "audit.key_stray"; readonly error: unknown }
  | ({ readonly type: "clock.stepped_back" } & StepBack)
  | { readonly type: "sessions.failed"; readonly error: unknown }
  | { readonly type: "revocations.failed" | "revocations.ineffective"; readonly error: unknown }
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
  | ({ readonly type: "profiles.reloaded" } & RuleSetChange)
  | {
      readonly type: "profiles.refused" | "policy.refused";
      readonly faults: readonly Fault[];
      readonly count: number;
    }
  | { readonly type: "profiles.failed" | "policy.failed"; readonly error: unknown }
  | { readonly type: "profiles.shared"; readonly keyset: string; readonly profiles: readonly string[] }
  | { readonly type: "claim.failed"; readonly profile: string; readonly claim: string; readonly cause: string }
  | { readonly type: "warning.failed"; readonly profile: string; readonly code: string; readonly cause: string }
  | { readonly type: "rule.failed"; readonly profile: string; readonly rule: number; readonly cause: string }
  | { readonly type: "condition.failed"; readonly rule: string; readonly cause: string }
  | { readonly type: "expression.too_costly"; readonly profile: string; readonly kind: string; readonly name: string };

/** Events of the keys of other issuers, by alias; a SPIFFE trust domain stands for itself. */
type IssuersEvent =
  | {
      readonly type: "issuer.keys";
      readonly issuer: string;
      readonly kids: readonly string[];
      readonly refused: readonly RefusedKey[];
    }
  | { readonly type: "issuer.failed"; readonly issuer: string; readonly error: unknown };

/** Events of a replica's shared state, except those of {@link PresenceEvent}. */
type StateEvent =
  | {
      readonly type: "store.up" | "store.renewed";
      readonly server: string;
      readonly certificate?: CertificateValidity | undefined;
    }
  | { readonly type: "store.down" | "store.not_renewed"; readonly message: string }
  | ({ readonly type: "store.settings" } & Findings)
  | { readonly type: "store.damaged"; readonly damage: string }
  | { readonly type: "store.lost" | "store.failed"; readonly error: unknown }
  | ({ readonly type: "live.settings" } & Findings)
  | { readonly type: "live.damaged"; readonly damage: string }
  | { readonly type: "live.lost" | "live.failed"; readonly error: unknown }
  /** `lost`: it is not the first one, so one-time tokens that were issued before it count as used. */
  | { readonly type: "live.begun"; readonly lost: boolean }
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
  | Exclude<AuditReport, { readonly type: "audit.published" | "audit.usage" | "audit.checkpoint" }>
  | KeysEvent
  | SecretsEvent
  | ProfilesEvent
  | IssuersEvent
  | StateEvent
  | InstallationEvent
  | PresenceEvent;

/** Events that an alert rule names. They are counted from 0 on: of a series that begins with 1, no rate is known. */
export const ALARMS = [
  "call.failed",
  "profiles.refused",
  "profiles.failed",
  "policy.refused",
  "policy.failed",
  "issuer.failed",
  "keys.failed",
  "keys.distrusted",
  "keys.dropped",
  "keys.unrevoked",
  "secrets.unreadable",
  "revocations.ineffective",
  "snapshot.failed",
  "store.lost",
  "live.lost",
  "store.not_renewed",
  "nats.not_renewed",
  "replica.twin",
  "installation.stray",
  "installation.differs",
  "audit.writer",
  "audit.new_writer",
  "audit.key_lost",
  "audit.miscounted",
  "loss.accepted",
] as const satisfies readonly LogEvent["type"][];

export type Log = (level: "info" | "warn" | "error", event: LogEvent) => void;

/**
 * Writes one JSON line per event: `level`, `time` (RFC 3339), `replica` (its name, once it is known), `trace_id` and
 * `span_id` (of the call that caused it, if it has a trace), `event` (its type) and its fields.
 */
export function createLog(
  level: string,
  out: pino.DestinationStream,
  replica: () => string | undefined,
  call: () => CallTrace | undefined = () => undefined,
): Log {
  const logger = pino(
    {
      level,
      base: null,
      mixin() {
        const { traceId, spanId } = call() ?? {};
        return { replica: replica(), trace_id: traceId, span_id: spanId };
      },
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
