import packageJson from "../../package.json" with { type: "json" };
import { createDenialCounter } from "../audit/denials.ts";
import type { Config } from "../config/config.ts";
import { createMetrics } from "../http/metrics.ts";
import { requireSupportedNode } from "../node-version.ts";
import { createVerifiedCache } from "../token/verify/cache.ts";
import { configHash } from "./digests.ts";
import { letHeapGrow } from "./heap.ts";
import { createFailureFilter } from "./keys/keyring-events.ts";
import { listen, type Running } from "./listen.ts";
import { createMetricSources } from "./metric-sources.ts";
import { startOpening } from "./opening.ts";
import { openProfiles } from "./profiles.ts";
import { createRun, type Run, START_FAILED, type Surroundings } from "./run.ts";
import { openStorage, type Storage } from "./storage.ts";

/** A running service. */
export interface App {
  readonly addresses: { readonly grpc: string; readonly http: string };
  /** Rejects when the service listens but can never serve; it has stopped by then. Never resolves. */
  readonly failed: Promise<never>;
  /**
   * Reports that the service stops, drains, lets calls finish, then flushes the spool and forwards what it can, within
   * the drain, the grace for calls and one second.
   */
  stop(reason: string): Promise<void>;
  /** Reads the profiles again and uses all of them, or keeps the current ones and logs why. Never rejects. */
  reload(): Promise<void>;
}

/**
 * Starts the service: opens its storage, starts its services, then listens. A stop undoes these steps in the opposite
 * order. Resolves when the service serves. With state that replicas share it resolves when it listens, because that
 * state may be unreachable; `/readyz` then says what the service waits for.
 *
 * @throws FileError, StateError, KekError, KeyringError or AuditError when what is stored can't be used; StartError
 * when an address is taken.
 */
export async function startApp(config: Config, surroundings: Partial<Surroundings> = {}): Promise<App> {
  requireSupportedNode(process.versions.node);
  const run = createRun(config, surroundings);
  const { log } = run;
  try {
    const storage = await openStorage(run);
    for (const message of config.warnings) log("warn", { type: "config.warning", message });
    const running = await startServices(run, storage);
    const { addresses, health } = await listen(run, storage, running);
    const serving = running.opening.done.then(async () => {
      letHeapGrow();
      if (run.stopping.aborted) return;
      health.update();
      log("info", { type: "ready", version: packageJson.version, ...addresses, nats: config.nats?.url ?? "none" });
    });
    if (config.state.store === "file") await serving;
    return {
      addresses,
      failed: failureOf(serving, run),
      reload: running.live.reload,
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

/** Writes the event of the start, loads the profiles, and begins to open what needs the state. */
async function startServices(run: Run, storage: Storage): Promise<Running> {
  const { audit, pipeline, auditSettings, acceptedLosses, state, installation, keks } = storage;
  const { config, machine, log, now, endings, stopping } = run;
  const started = { version: packageJson.version, configHash: configHash(config, config.profiles), acceptedLosses };
  await audit.append({ type: "service.started", ...started }, now());
  endings.add(() => audit.append({ type: "service.stopped", reason: run.stopReason() }, now()).catch(() => {}));
  const denials = createDenialCounter(audit, now, (error) => log("warn", { type: "audit.failed", error }));
  endings.add(() => denials.stop());
  const live = openProfiles(config, audit, log, now);
  const cache = createVerifiedCache(config.verifyCacheEntries);
  const metrics = createMetrics({ version: packageJson.version, node: process.versions.node });
  state.start();
  const { newTokenId } = machine;
  const isNew = createFailureFilter(now);
  const opening = startOpening({
    ...{ config, state, keks, audit, auditSettings, denials, live, metrics, cache, newTokenId, now, log, isNew },
    ...{ installation, stopping, lookAtAudit: pipeline.look },
  });
  endings.add((leftMs) => opening.stop(leftMs));
  metrics.addSources(
    createMetricSources({ config, audit: pipeline, auditSettings, state, cache, rings: opening.rings, now }),
  );
  return { live, metrics, opening };
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
