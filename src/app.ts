import { createHash, randomBytes, randomUUID } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import packageJson from "../package.json" with { type: "json" };
import { countDenials } from "./audit/denials.ts";
import type { AuditLog, Happening } from "./audit/event.ts";
import { durabilityHorizon } from "./audit/horizon.ts";
import type { AuditReport, AuditSide } from "./audit/side.ts";
import { subjectHasher } from "./audit/subject-hash.ts";
import { AUDIT_THREAD, startAuditThread } from "./audit-thread/start.ts";
import type { Config } from "./config/config.ts";
import { loadProfileSet } from "./config/load.ts";
import { ISSUING, startGrpcServer } from "./grpc/server.ts";
import { createMetrics } from "./http/metrics.ts";
import { startHttpServer } from "./http/server.ts";
import { deriveKey, type Keks } from "./jose/kek.ts";
import { loadKeks } from "./jose/load-keks.ts";
import { createSecretVault } from "./jose/secret-vault.ts";
import { createVault, recordKeysOf } from "./jose/vault.ts";
import { jwksMaxAge } from "./keyring/bounds.ts";
import type { KeyringEvent } from "./keyring/event.ts";
import { importing } from "./keyring/importing.ts";
import { type Keyring, openKeyring } from "./keyring/keyring.ts";
import { holdsSecrets, openSecrets, type Secrets } from "./keyring/secrets.ts";
import { createLog, type Log } from "./log.ts";
import { type LiveProfiles, liveProfiles } from "./profile/live-profiles.ts";
import { sortedJson } from "./profile/sorted-json.ts";
import { readiness } from "./readiness.ts";
import { openFileKeyValue } from "./state/file.ts";
import type { KeyValue } from "./state/keyvalue.ts";
import { steadyClock } from "./steady-clock.ts";
import { tokenIssuer } from "./token/issue.ts";
import { Problem } from "./token/problem.ts";
import { tokenService } from "./token/service.ts";

/** A running service. */
export interface App {
  readonly addresses: { readonly grpc: string; readonly http: string };
  /** Health down, calls finish within the grace, the spool is flushed and forwarded as far as it goes. Bounded. */
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

/** How often the health service looks whether tokens can be issued. */
const HEALTH_MS = 1_000;

/** How long after a failure an event is offered to the audit log again, and issuing counts as not ready. */
const RETRY_MS = 1_000;

/**
 * Builds everything once, in the order in which it may be needed: the log of events is open before any key is made, and
 * the ports are bound when all can be served. What was begun is ended in the opposite order.
 *
 * @throws StateError, KekError, KeyringError or AuditError when what is stored can't be used; Error when a port is taken.
 */
export async function startApp(config: Config, surroundings: Partial<Surroundings> = {}): Promise<App> {
  refuseOldNode(process.versions.node);
  const machine = { ...MACHINE, ...surroundings };
  const log = machine.log ?? createLog(config.logLevel, process.stdout);
  // The one clock of the service: keys, tokens, audit and state never disagree on what time it is.
  const now = steadyClock(machine.now, (step) => log("warn", { event: "clock.stepped_back", ...step }));
  const endings: (() => unknown)[] = [];
  const stopping = new AbortController();
  let stopReason = "START_FAILED";
  const end = async (): Promise<void> => {
    // One that fails must not keep the others from ending.
    for (const ending of endings.splice(0).reverse())
      await Promise.try(ending).catch((error) => log("error", { event: "stop.failed", error }));
  };
  try {
    await mkdir(config.data, { recursive: true, mode: 0o700 });
    const store = openFileKeyValue(join(config.data, "state", "state.db"), now);
    endings.push(() => store.close());
    const sealedBefore = (await holdsKeys(store, config)) || (await holdsSecrets(store));
    const keks = await loadKeks(config.kek, sealedBefore, (file) => log("warn", { event: "kek.created", file }));

    const side = await startAudit(config, machine, log);
    endings.push(() => side.stop(config.graceMs));
    const audit = machine.wrapAudit(side);
    const keyrings = new Map<string, Keyring>();
    const metrics = createMetrics(metricSources(config, side, keyrings, now));
    await audit.append(
      { type: "service.started", version: packageJson.version, configHash: hashOf(config, config.profiles) },
      now(),
    );
    endings.push(() => audit.append({ type: "service.stopped", reason: stopReason }, now()).catch(() => {}));
    const denials = countDenials(audit, now, (error) => log("warn", { event: "audit.failed", error }));
    endings.push(() => denials.stop());

    for (const keyring of await openKeyrings(config, store, keks, now, tellKeyring(audit, log, now, stopping.signal))) {
      keyrings.set(keyring.keyset, keyring);
      await audit.append(heldKeys(keyring, now()), now());
      endings.push(() => keyring.stop());
      keyring.start();
    }
    const vault = createSecretVault(keks);
    const secrets = await openSecrets({
      store,
      vault,
      now,
      recordKeys: recordKeysOf(keks),
      report: ({ type, ...fields }) => log("error", { event: type, ...fields } as Parameters<Log>[1]),
    });
    endings.push(() => secrets.stop());
    secrets.start();
    const subjectKey = deriveKey(keks[0], "audit subject");
    const issuer = tokenIssuer({
      audit,
      hashSubject: subjectHasher(subjectKey.export()),
      verifyEvery: config.verifyEvery,
    });
    const live = openProfiles(config, audit, log, now);
    const tokens = tokenService({
      profiles: live.current,
      keysOf: ({ name, keys: source }, tenant) =>
        source.kind === "keyset" ? found(keyrings, source.keyset) : secrets.keysOf({ profile: name, tenant }),
      issuer,
      now,
      newTokenId: machine.newTokenId,
      observer: {
        issued: metrics.issued,
        denied: (profile, caller, error) =>
          denials.denied(profile, caller, error instanceof Problem ? error.code : "INTERNAL"),
      },
      rejected: metrics.rejected,
    });
    const keys = {
      ...keyService(config, keyrings, secrets, now),
      importKey: importing({ profiles: live.current, secrets, vault, audit, now, randomBytes }),
    };
    const ready = readiness(side, keyrings, config.spoolMaxBytes, now);

    const http = await startHttpServer(config.http.address, {
      jwks: () => {
        const { keys: list, maxAgeSeconds } = keys.jwks();
        return { json: JSON.stringify({ keys: list }), maxAgeSeconds };
      },
      metrics: metrics.render,
      waitsFor: ready.waitsFor,
    });
    endings.push(() => http.stop());
    const grpc = await startGrpcServer(
      config.grpc.address,
      { tokens, keys, profiles: live.current },
      config.grpc,
      (call) => {
        metrics.call(call.method, call.code, call.seconds);
        if ("cause" in call) log("error", { event: "call.failed", method: call.method, error: call.cause });
      },
    );
    endings.push(() => grpc.stop(config.graceMs));
    const showHealth = async (): Promise<void> => {
      await ready.look();
      grpc.setHealth(ISSUING, ready.waitsFor().length === 0);
    };
    const healthTimer = setInterval(showHealth, HEALTH_MS);
    endings.push(() => {
      clearInterval(healthTimer);
      ready.stop();
      grpc.setHealth(ISSUING, false);
      grpc.setHealth("", false);
    });
    grpc.setHealth("", true);
    ready.start();
    await showHealth();

    const addresses = { grpc: grpc.address, http: http.address };
    log("info", { event: "ready", version: packageJson.version, ...addresses, nats: config.nats?.url ?? "none" });
    return {
      addresses,
      reload: live.reload,
      async stop(reason) {
        stopReason = reason;
        stopping.abort();
        log("info", { event: "stopping", reason });
        await end();
        log("info", { event: "stopped" });
      },
    };
  } catch (error) {
    await end();
    throw error;
  }
}

/** Older ones have known faults that a client can reach; package.json names the same floor. */
function refuseOldNode(version: string): void {
  const [major = 0, minor = 0, patch = 0] = version.split(".").map(Number);
  if (major > 24 || (major === 24 && (minor > 14 || (minor === 14 && patch >= 1)))) return;
  throw new Error(`Signet needs Node ${packageJson.engines.node}, this is ${version}`);
}

async function holdsKeys(store: KeyValue, { keysets }: Config): Promise<boolean> {
  // Epochs are never deleted: where there was a first one, keys are sealed.
  const firsts = await Promise.all(keysets.map(({ name }) => store.get(`keys/${name}/epoch/1`)));
  return firsts.some((entry) => entry !== undefined);
}

function startAudit(config: Config, { auditThread }: Surroundings, log: Log): Promise<AuditSide> {
  const { nats } = config;
  const settings = {
    folder: join(config.data, "spool"),
    maxBytes: config.spoolMaxBytes,
    nats: nats && { url: nats.url, replicas: nats.replicas, horizonMs: durabilityHorizon(nats.syncInterval) },
  };
  const died = (error: unknown) => log("error", { event: "audit.failed", error });
  return startAuditThread(settings, (report) => tellAudit(report, log), died, auditThread);
}

/** SHA-256 of all that the service does by: the configuration in a fixed order, and the profiles. It holds no secret. */
function hashOf({ effective }: Config, profiles: Config["profiles"]): string {
  const digests = [...profiles.values()].map(({ name, digest }) => [name, digest]);
  return createHash("sha256")
    .update(sortedJson([effective, digests]))
    .digest("base64url");
}

function openProfiles(config: Config, audit: AuditLog, log: Log, now: () => number): LiveProfiles {
  return liveProfiles({
    initial: config,
    load: (known) => loadProfileSet(config.effective, known),
    hashOf: (profiles) => hashOf(config, profiles),
    audit,
    now,
    observer: {
      reloaded: (changed) => log("info", { event: "profiles.reloaded", changed }),
      refused: (faults) => log("error", { event: "profiles.refused", faults }),
      failed: (error) => log("error", { event: "profiles.failed", error }),
    },
  });
}

function metricSources(
  { spoolMaxBytes }: Config,
  audit: AuditSide,
  keyrings: ReadonlyMap<string, Keyring>,
  now: () => number,
) {
  return {
    spoolLimitBytes: spoolMaxBytes,
    async spool() {
      const { events, bytes, oldestTime } = await audit.depth();
      return { events, bytes, oldestAgeSeconds: oldestTime === undefined ? 0 : Math.max(0, now() - oldestTime) / 1000 };
    },
    rotation: () =>
      [...keyrings.values()].flatMap((ring) => {
        const seconds = ring.secondsToNextRotation(now());
        return seconds === undefined ? [] : [{ keyset: ring.keyset, seconds }];
      }),
  };
}

function tellAudit({ type, ...fields }: AuditReport, log: Log): void {
  const asItShould =
    type === "up" || (type === "forwarding" && "differences" in fields && fields.differences.length === 0);
  const event = type === "up" || type === "down" ? `nats.${type}` : `audit.${type}`;
  log(asItShould ? "info" : "warn", { event, ...fields } as Parameters<Log>[1]);
}

function tellKeyring(audit: AuditLog, log: Log, now: () => number, stopping: AbortSignal) {
  // No key shall sign that no event names; what is still untold when the process ends, the next start tells.
  async function tellUntilStored(happening: Happening): Promise<void> {
    const time = now();
    while (!stopping.aborted) {
      const failed = await audit.append(happening, time).then(
        () => undefined,
        (error: unknown) => ({ error }),
      );
      if (failed === undefined) return;
      log("error", { event: "audit.failed", error: failed.error });
      await pause(RETRY_MS, undefined, { signal: stopping, ref: false }).catch(() => undefined);
    }
  }

  return (event: KeyringEvent): void => {
    if (event.type === "problem") {
      log("error", { event: "keys.failed", keyset: event.keyset, error: event.error });
      return;
    }
    if (event.type === "distrusted") {
      log("error", { event: "keys.distrusted", keyset: event.keyset, kid: event.kid });
      return;
    }
    const { type, epoch, ...fields } = event;
    log("info", { event: "keys.rotated", epoch, ...fields });
    void tellUntilStored({ type: "key.rotated", keysetEpoch: epoch, ...fields });
  };
}

async function openKeyrings(
  config: Config,
  store: KeyValue,
  keks: Keks,
  now: () => number,
  report: (event: KeyringEvent) => void,
): Promise<Keyring[]> {
  // A verifier can hold a JWKS without a new keyset's keys only if one was ever served: then they wait their lead.
  const shown = await holdsKeys(store, config);
  const shared = { store, now, report, shown, maker: createVault(keks), recordKeys: recordKeysOf(keks), randomBytes };
  const open = config.keysets.map(({ name, algorithm, policy }) =>
    openKeyring({ ...shared, keyset: name, alg: algorithm, policy }),
  );
  return Promise.all(open);
}

/** Names every key again: who made an epoch may have died before it could tell. */
function heldKeys({ keyset, epoch, list }: Keyring, now: number): Happening {
  const added = list(now).map(({ kid }) => kid);
  return { type: "key.rotated", keyset, keysetEpoch: epoch, added, removed: [], reason: "held" };
}

function keyService({ keysets }: Config, keyrings: ReadonlyMap<string, Keyring>, secrets: Secrets, now: () => number) {
  return {
    jwks: () => ({
      keys: [...keyrings.values()].flatMap((ring) => ring.jwks(now())),
      maxAgeSeconds: Math.min(...keysets.map(({ policy }) => jwksMaxAge(policy))),
    }),
    listKeys: (keyset: string) => {
      if (keyset !== "") return found(keyrings, keyset).list(now());
      return [...[...keyrings.values()].flatMap((ring) => ring.list(now())), ...secrets.list(now())];
    },
  };
}

function found(keyrings: ReadonlyMap<string, Keyring>, keyset: string): Keyring {
  const keyring = keyrings.get(keyset);
  if (keyring === undefined) throw new Problem("KEYSET_NOT_FOUND", "there is no such keyset");
  return keyring;
}
