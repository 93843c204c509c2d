import { randomUUID } from "node:crypto";
import { createShutdown, type Shutdown } from "../async/shutdown.ts";
import type { AuditLog } from "../audit/event.ts";
import { AUDIT_THREAD } from "../audit-thread/start.ts";
import { createSteadyClock } from "../clock.ts";
import type { Config } from "../config/config.ts";
import type { Metrics } from "../http/metrics/metrics.ts";
import { type LoadSodium, loadSodium } from "../jose/ed25519/library.ts";
import { judgeSettings } from "../nats/settings.ts";
import type { Tracing } from "../otel/tracing.ts";
import { STATE_THREAD } from "../state-thread/start.ts";
import { ALARMS, createLog, type Log } from "./log.ts";
import { createServiceManager, type ServiceManager } from "./service-manager/service-manager.ts";
import type { Sweeping } from "./state/nats-live.ts";
import { openTraces } from "./traces/open-traces.ts";

/** What the service takes from the machine and from the operator who starts it. Tests replace parts of it. */
export interface Surroundings {
  /** Unix milliseconds. */
  readonly now: () => number;
  readonly newTokenId: () => string;
  /** Names the service manager that started the process, if there is one. */
  readonly env: NodeJS.ProcessEnv;
  /** The program of the audit thread. */
  readonly auditThread: URL;
  /** The program of the state's thread. */
  readonly stateThread: URL;
  /** Loads libsodium, where it is installed. */
  readonly loadSodium: LoadSodium;
  /** How often a checkpoint of the audit log is made while there are new events, in milliseconds. */
  readonly checkpointMs: number;
  /** How the bucket that replicas share is looked after. */
  readonly sweeping: Sweeping;
  readonly log?: Log;
  /** What the operator accepts to be lost, named as in the refusal: `state:ID`, `spool:ID`, `events:8-12`. */
  readonly acceptLosses: readonly string[];
  /** Whether the audit log is opened to be closed for good. */
  readonly closingLog: boolean;
  readonly wrapAudit: (audit: AuditLog) => AuditLog;
}

const MACHINE: Surroundings = {
  now: Date.now,
  newTokenId: randomUUID,
  env: process.env,
  wrapAudit: (audit) => audit,
  auditThread: AUDIT_THREAD,
  stateThread: STATE_THREAD,
  loadSodium,
  checkpointMs: 60_000,
  sweeping: { sweepMs: 3_600_000, judgeSettings },
  acceptLosses: [],
  closingLog: false,
};

/** The reason of a stop for a service that has never been ready. */
export const START_FAILED = "START_FAILED";

/** Time for the endings that follow the calls, after the grace for calls is over. */
const AFTER_GRACE_MS = 1_000;
/** How much later than the bound a stop may end: each ending has a moment, even when earlier ones used up the bound. */
const AFTER_BOUND_MS = 10_000;

/** One run of the service, from its start to its stop. */
export interface Run {
  readonly config: Config;
  readonly machine: Surroundings;
  readonly log: Log;
  readonly manager: ServiceManager;
  /** Undefined where traces are off. */
  readonly tracing: Tracing | undefined;
  /** Names this replica in every line that is logged from now on. */
  readonly nameReplica: (name: string) => void;
  /** Unix milliseconds. The only clock of the service: keys, tokens, audit and state agree on the time. */
  readonly now: () => number;
  /** Every step of the start adds here what a stop must undo. */
  readonly endings: Shutdown;
  /** Aborts when the stop begins. */
  readonly stopping: AbortSignal;
  /** Why the service stops, for the audit log. */
  readonly stopReason: () => string;
  /**
   * Undoes every step that was taken, within the drain, the grace for calls and one second. The first reason counts.
   * Never rejects.
   */
  stop(reason: string): Promise<void>;
}

/** Begins a run. Nothing is opened yet but traces. Rejects with their StartError. */
export async function createRun(
  config: Config,
  surroundings: Partial<Surroundings>,
  { logged }: Pick<Metrics, "logged">,
): Promise<Run> {
  const machine = { ...MACHINE, ...surroundings };
  let replica: string | undefined;
  let tracing: Tracing | undefined;
  const write =
    machine.log ??
    createLog(
      config.logLevel,
      process.stdout,
      () => replica,
      () => tracing?.current,
    );
  for (const event of ALARMS) logged(event, 0);
  const log: Log = (level, event) => {
    if (level !== "info") logged(event.type);
    write(level, event);
  };
  const now = createSteadyClock(machine.now, (step) => log("warn", { type: "clock.stepped_back", ...step }));
  const endings = createShutdown((error) => log("error", { type: "stop.failed", error }));
  const stopping = new AbortController();
  tracing = await openTraces(config, log);
  const manager = createServiceManager(machine.env, log);
  endings.add(() => manager.close());
  let stopReason = "";
  endings.add((leftMs) => tracing?.stop(leftMs));
  return {
    ...{ config, machine, log, manager, tracing, now, endings, stopping: stopping.signal },
    nameReplica(name) {
      replica = name;
    },
    stopReason: () => stopReason,
    async stop(reason) {
      stopReason ||= reason;
      stopping.abort();
      const boundMs = config.drainMs + config.graceMs + AFTER_GRACE_MS;
      manager.stopping(stopReason, boundMs + AFTER_BOUND_MS);
      await endings.end(boundMs);
    },
  };
}
