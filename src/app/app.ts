import { randomUUID } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import packageJson from "../../package.json" with { type: "json" };
import { createShutdown } from "../async/shutdown.ts";
import { createDenialCounter } from "../audit/denials.ts";
import type { AuditLog } from "../audit/event.ts";
import { AUDIT_THREAD } from "../audit-thread/start.ts";
import { createSteadyClock } from "../clock.ts";
import type { Config } from "../config/config.ts";
import { startGrpcServer } from "../grpc/server.ts";
import { createMetrics } from "../http/metrics.ts";
import { startHttpServer } from "../http/server.ts";
import { loadKeks } from "../jose/kek-source.ts";
import { requireSupportedNode } from "../node-version.ts";
import { Problem } from "../problem/problem.ts";
import { openFileKeyValue } from "../state/file.ts";
import { createVerifiedCache } from "../token/verify/cache.ts";
import { startAudit } from "./audit.ts";
import { configHash } from "./digests.ts";
import { createReadiness, startHealth } from "./health.ts";
import { createFailureFilter } from "./keys/keyring-events.ts";
import { createLog, type Log } from "./log.ts";
import { createMetricSources } from "./metric-sources.ts";
import { lateService, startOpening } from "./opening.ts";
import { openProfiles } from "./profiles.ts";
import { openState } from "./state/open-state.ts";

/** A running service. */
export interface App {
  readonly addresses: { readonly grpc: string; readonly http: string };
  /** Rejects when the service can't come to serve after all, and has stopped. Never resolves. */
  readonly failed: Promise<never>;
  /** Health down, calls finish, the spool is flushed and forwarded as far as it goes: all within the grace and a second. */
  stop(reason: string): Promise<void>;
  /** Reads the profiles again and serves by all of them, or goes on as it was and logs why. Never rejects. */
  reload(): Promise<void>;
}

/** What the service takes from the machine. A test hands in others. */
export interface Surroundings {
  /** Unix milliseconds. */
  readonly now: () => number;
  readonly newTokenId: () => string;
  /** The program of the audit's thread. */
  readonly auditThread: URL;
  readonly log?: Log;
  readonly wrapAudit: (audit: AuditLog) => AuditLog;
}

const MACHINE: Surroundings = {
  now: Date.now,
  newTokenId: randomUUID,
  wrapAudit: (audit) => audit,
  auditThread: AUDIT_THREAD,
};

/** For what is ended when the calls are. */
const AFTER_GRACE_MS = 1_000;

/**
 * Builds everything once, in the order in which it may be needed: the log of events is open before any key is made. What
 * was begun is ended in the opposite order. Resolves when it serves or, where replicas share their state, when it listens:
 * that state may be out of reach, and what can be told until then is what it waits for.
 *
 * @throws StateError, KekError, KeyringError or AuditError when what is stored can't be used; StartError when a port is taken.
 */
export async function startApp(config: Config, surroundings: Partial<Surroundings> = {}): Promise<App> {
  requireSupportedNode(process.versions.node);
  const machine = { ...MACHINE, ...surroundings };
  const log = machine.log ?? createLog(config.logLevel, process.stdout);
  // The one clock of the service: keys, tokens, audit and state never disagree on what time it is.
  const now = createSteadyClock(machine.now, (step) => log("warn", { type: "clock.stepped_back", ...step }));
  const endings = createShutdown((error) => log("error", { type: "stop.failed", error }));
  const stopping = new AbortController();
  let stopReason = "START_FAILED";
  const end = async (): Promise<void> => {
    stopping.abort();
    await endings.end(config.graceMs + AFTER_GRACE_MS);
  };
  try {
    await mkdir(config.data, { recursive: true, mode: 0o700 });
    const own = await openFileKeyValue(join(config.data, "state", "state.db"), now);
    endings.add(() => own.close());
    const side = await startAudit(config, machine.auditThread, log);
    endings.add((leftMs) => side.stop(leftMs));
    const audit = machine.wrapAudit(side);
    const state = await openState(config, own, now, log);
    endings.add((leftMs) => state.stop(leftMs));
    const keks = await loadKeks(config.kek, await state.sealedBefore(), (file) =>
      log("warn", { type: "kek.created", file }),
    );

    const started = { version: packageJson.version, configHash: configHash(config, config.profiles) };
    await audit.append({ type: "service.started", ...started }, now());
    endings.add(() => audit.append({ type: "service.stopped", reason: stopReason }, now()).catch(() => {}));
    const denials = createDenialCounter(audit, now, (error) => log("warn", { type: "audit.failed", error }));
    endings.add(() => denials.stop());
    const live = openProfiles(config, audit, log, now);
    const cache = createVerifiedCache(config.verifyCacheEntries);
    const rings = () => [...(opening.services?.keyrings.values() ?? [])];
    const metrics = createMetrics(createMetricSources({ config, audit: side, state, cache, rings, now }));

    state.start();
    const { newTokenId } = machine;
    const isNew = createFailureFilter(now);
    const parts = { config, state, keks, audit, denials, live, metrics, cache, newTokenId, now, log, isNew };
    const opening = startOpening({ ...parts, stopping: stopping.signal });
    endings.add((leftMs) => opening.stop(leftMs));
    const services = () => opening.services ?? refuseUnopened();
    const tokens = lateService(() => services().tokens);
    const keys = lateService(() => services().keys);
    const ready = createReadiness({
      audit: side,
      rings,
      spoolMaxBytes: config.spoolMaxBytes,
      now,
      others: () => [...opening.waitsFor(), ...state.waitsFor()],
    });

    const http = await startHttpServer(config.http.address, {
      jwks: () => {
        const { keys: list, maxAgeSeconds } = keys.jwks();
        return { json: JSON.stringify({ keys: list }), maxAgeSeconds };
      },
      metrics: metrics.render,
      waitsFor: ready.waitsFor,
    });
    endings.add(() => http.stop());
    const grpc = await startGrpcServer(
      config.grpc.address,
      { tokens, keys, profiles: live.current },
      config.grpc,
      (call) => {
        metrics.call(call.method, call.code, call.seconds);
        if ("cause" in call) log("error", { type: "call.failed", method: call.method, error: call.cause });
      },
    );
    endings.add((leftMs) => grpc.stop(leftMs));
    const addresses = { grpc: grpc.address, http: http.address };
    log("info", { type: "listening", ...addresses });
    const health = startHealth(grpc, ready, () => opening.services !== undefined, log);
    endings.add(() => health.stop());
    ready.start();

    const serving = opening.done.then(async () => {
      if (stopping.signal.aborted) return;
      await health.look();
      log("info", { type: "ready", version: packageJson.version, ...addresses, nats: config.nats?.url ?? "none" });
    });
    if (config.state.store === "file") await serving;
    const failed = failureOf(serving, end);
    // It may fail before anybody looks.
    failed.catch(() => undefined);
    return {
      addresses,
      failed,
      reload: live.reload,
      async stop(reason) {
        stopReason = reason;
        log("info", { type: "stopping", reason });
        await end();
        log("info", { type: "stopped" });
      },
    };
  } catch (error) {
    await end();
    throw error;
  }
}

function refuseUnopened(): never {
  const message = "the keys are not read yet: the service waits for the state that replicas share";
  throw new Problem("KEYS_UNAVAILABLE", message, { retryAfterMs: 1_000 });
}

/** Rejects after `end` when the work fails; never resolves. */
async function failureOf(work: Promise<void>, end: () => Promise<void>): Promise<never> {
  try {
    await work;
  } catch (error) {
    await end();
    throw error;
  }
  return new Promise(() => {});
}
