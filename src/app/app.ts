import packageJson from "#package.json" with { type: "json" };
import { createEventCounter } from "../audit/event-counter.ts";
import type { Config } from "../config/config.ts";
import type { HashSubject } from "../grpc/services/audit.ts";
import { createMetrics, type Metrics } from "../http/metrics/metrics.ts";
import type { Ed25519 } from "../jose/ed25519/ed25519.ts";
import { type ChosenEd25519, chooseEd25519 } from "../jose/ed25519/library.ts";
import { createKeyHistory } from "../keys/key-history.ts";
import { requireSupportedNode } from "../node-version.ts";
import { createVerifiedCache } from "../token/verify/cache.ts";
import { startLimits } from "./access/limits.ts";
import { openRules, watchPolicies } from "./access/live-rules.ts";
import { openAccess } from "./access/open-access.ts";
import { startCheckpoints } from "./audit/checkpoints.ts";
import { configHash } from "./digests.ts";
import { letHeapGrow } from "./heap.ts";
import { createFailureFilter } from "./keys/keyring-events.ts";
import { listen } from "./listen.ts";
import { recordCertificates } from "./listeners/certificate-events.ts";
import { type Certificates, openCertificates, rereadCertificates } from "./listeners/certificates.ts";
import type { HttpAddresses, Running } from "./listeners/http.ts";
import type { Log } from "./log.ts";
import { createMetricSources } from "./metric-sources.ts";
import { startOpening } from "./opening.ts";
import { createRun, type Run, START_FAILED, type Surroundings } from "./run.ts";
import { subjectHashersOf } from "./services/sources.ts";
import { openStorage, type Storage } from "./storage.ts";
import { traceAccess } from "./traces/traced.ts";

/** A running service. */
export interface App {
  readonly addresses: HttpAddresses & { readonly grpc: string };
  /** Rejects when the service listens but can never serve; it has stopped by then. Never resolves. */
  readonly failed: Promise<never>;
  /**
   * Reports that the service stops, drains, lets calls finish, then flushes the spool and forwards what it can, within
   * the drain, the grace for calls and one second.
   */
  stop(reason: string): Promise<void>;
  /**
   * Reads profiles and policies again and uses all of them, or keeps the current ones; likewise the certificates of
   * each listener. Logs what became of each part, and why. Never rejects.
   */
  reload(): Promise<void>;
}

/**
 * Starts the service: opens its storage, starts its services, then listens. A stop undoes these steps in the opposite
 * order. Resolves when the service serves. With state that replicas share it resolves when it listens, because that
 * state may be unreachable; `/readyz` then says what the service waits for. This is also what a service manager takes
 * for started: a machine that boots must not wait for NATS, nor a service be killed because it waits.
 *
 * @throws FileError, StateError, KekError, KeyringError or AuditError when what is stored can't be used; StartError
 * when an address is taken, or a listener's certificates can't be used.
 */
export async function startApp(config: Config, surroundings: Partial<Surroundings> = {}): Promise<App> {
  requireSupportedNode(process.versions.node);
  const chosen = await chooseEd25519(config.ed25519, surroundings.loadSodium);
  const ed25519 = chosen.ed25519.library;
  const metrics = createMetrics({ version: packageJson.version, node: process.versions.node, ed25519 });
  const run = await createRun(config, surroundings, metrics);
  const { log } = run;
  try {
    const certificates = await openCertificates(run);
    const storage = await openStorage(run);
    for (const message of config.warnings) log("warn", { type: "config.warning", message });
    logChoice(chosen, log);
    const running = await startServices(run, { ...storage, ed25519: chosen.ed25519 }, certificates, metrics);
    const { addresses, health } = await listen(run, storage, running);
    const serving = running.opening.done.then(async () => {
      letHeapGrow();
      if (run.stopping.aborted) return;
      health.update();
      const nats = config.nats?.url ?? "none";
      log("info", { type: "ready", version: packageJson.version, ...addresses, nats, ed25519 });
    });
    if (config.state.store === "file") await serving;
    run.manager.ready();
    return {
      addresses,
      failed: failureOf(serving, run),
      reload: () => reload(run, running),
      async stop(reason) {
        log("info", { type: "stopping", reason });
        await run.stop(reason);
        log("info", { type: "stopped" });
      },
    };
  } catch (error) {
    await run.stop(START_FAILED);
    throw error;
  }
}

/** A package that is there and can't be used is a fault of the installation; the others are choices. */
function logChoice({ why, error }: ChosenEd25519, log: Log): void {
  if (why === undefined) return;
  const isFault = why === "NOT_LOADED" || why === "WRONG_ANSWERS";
  log(isFault ? "warn" : "info", { type: "ed25519.openssl", reason: why, ...(error !== undefined && { error }) });
}

/** Writes the event of the start, opens the profiles and policies, and begins to open what needs the state. */
async function startServices(
  run: Run,
  storage: Storage & { readonly ed25519: Ed25519 },
  certificates: Certificates,
  metrics: Metrics,
): Promise<Running> {
  const { audit, pipeline, auditSettings, acceptedLosses, state, installation, keks, ed25519, signatures } = storage;
  const { config, machine, log, tracing, now, endings, stopping } = run;
  const started = { version: packageJson.version, configHash: configHash(config, config), acceptedLosses };
  await audit.append({ type: "service.started", ...started }, now());
  endings.add(() => audit.append({ type: "service.stopped", reason: run.stopReason() }, now()).catch(() => {}));
  const counter = createEventCounter(audit, now, (error) => log("warn", { type: "audit.failed", error }));
  endings.add(() => counter.stop());
  const live = openRules({ config, audit, counter, log, now, endings, stopping });
  watchPolicies(config, live, log, endings);
  recordCertificates(certificates, live, audit, run);
  const cache = createVerifiedCache(config.verifyCacheEntries);
  const [limits, stopSurvey] = startLimits({ config, live, state, audit: pipeline, metrics });
  endings.add(stopSurvey);
  const access = traceAccess(openAccess({ live, limits, metrics, counter, log, now }), tracing, live.profiles);
  if (tracing !== undefined) metrics.addSources({ spans: () => tracing.figures });
  state.start();
  const { newTokenId } = machine;
  const isNew = createFailureFilter(now);
  const publishKey = createKeyHistory(audit, now);
  const opening = startOpening({
    ...{
      config,
      state,
      keks,
      ed25519,
      signatures,
      audit,
      publishKey,
      auditSettings,
      counter,
      live,
      limits,
      metrics,
      cache,
      newTokenId,
      now,
      log,
    },
    ...{ isNew, installation, stopping, lookAtAudit: pipeline.look, tracing },
    forwardingObstacle: () => pipeline.forwardingObstacle,
  });
  endings.add((leftMs) => opening.stop(leftMs));
  const { rings, sessionFigures: sessions } = opening;
  const { natsCertificate, streamUsage, checkpoint } = storage;
  metrics.addSources(
    createMetricSources({
      ...{
        config,
        audit: pipeline,
        auditSettings,
        streamUsage,
        state,
        cache,
        certificates,
        natsCertificate,
        checkpoint,
        rings,
        sessions,
        now,
      },
    }),
  );
  const { writerCounts: writers, ...auditKeys } = startCheckpoints({
    ...{ pipeline, audit, state, keks, signatures, now, log, stopping },
    opened: opening.done,
    everyMs: machine.checkpointMs,
  });
  metrics.addSources({ writers });
  const [hasher, ...earlier] = subjectHashersOf(keks);
  const hashSubject: HashSubject = (subject) => [hasher.hash(subject), ...earlier.map(({ hash }) => hash(subject))];
  return { live, access, limits, counter, metrics, opening, certificates, auditService: { ...auditKeys, hashSubject } };
}

async function reload({ log, manager }: Run, { live, certificates }: Running): Promise<void> {
  manager.reloading();
  const parts = { rules: await live.reload(), ...(await rereadCertificates(certificates)) };
  const isWhole = Object.values(parts).every((outcome) => outcome === "used" || outcome === "unchanged");
  log(isWhole ? "info" : "warn", { type: "reloaded", parts });
  manager.ready();
}

/** Rejects when `serving` does, after the stop. Never resolves. */
function failureOf(serving: Promise<void>, run: Run): Promise<never> {
  const failed = serving.then(
    () => new Promise<never>(() => {}),
    async (error) => {
      await run.stop(START_FAILED);
      throw error;
    },
  );
  // It may reject before the caller awaits it, which must not count as unhandled.
  failed.catch(() => undefined);
  return failed;
}
