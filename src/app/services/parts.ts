import type { Limits } from "../../access/limits/limits.ts";
import type { LiveRuleSet } from "../../access/live-rule-set.ts";
import type { AuditLog } from "../../audit/event.ts";
import type { EventCounter } from "../../audit/event-counter.ts";
import type { Findings } from "../../audit/forward/sink.ts";
import type { Config } from "../../config/config.ts";
import type { Metrics } from "../../http/metrics/metrics.ts";
import type { Ed25519 } from "../../jose/ed25519/ed25519.ts";
import type { Keks } from "../../jose/kek.ts";
import type { PublishKey } from "../../keys/key-history.ts";
import type { SignatureCounts } from "../../keys/signature-counts.ts";
import type { Installation } from "../../replica/installation.ts";
import type { VerifiedCache } from "../../token/verify/cache.ts";
import type { CallTracing } from "../../trace/call-trace.ts";
import type { IsNewFailure } from "../keys/keyring-events.ts";
import type { Log } from "../log.ts";
import type { SharedState } from "../state/shared-state.ts";

/** What the services are built from. */
export interface ServiceParts {
  readonly config: Config;
  readonly state: SharedState;
  readonly installation: Installation;
  readonly keks: Keks;
  /** Signs and verifies with the keys of tokens. */
  readonly ed25519: Ed25519;
  readonly audit: AuditLog;
  readonly publishKey: PublishKey;
  readonly signatures: SignatureCounts;
  /** As `look` of the audit pipeline. */
  readonly lookAtAudit: () => Promise<void>;
  /** Of the audit stream. */
  readonly auditSettings: () => Findings;
  /** As in the audit pipeline. */
  readonly forwardingObstacle: () => string | undefined;
  readonly counter: EventCounter;
  readonly live: LiveRuleSet;
  readonly limits: Limits;
  readonly metrics: Metrics;
  readonly cache: VerifiedCache;
  readonly newTokenId: () => string;
  /** Unix milliseconds. */
  readonly now: () => number;
  readonly log: Log;
  /** Shared by all attempts to open: a failure that goes on is logged once. */
  readonly isNew: IsNewFailure;
  readonly stopping: AbortSignal;
  /** Undefined where traces are off. */
  readonly tracing: CallTracing | undefined;
}
