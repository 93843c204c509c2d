import { randomBytes } from "node:crypto";
import type { Shutdown } from "../async/shutdown.ts";
import type { DenialCounter } from "../audit/denials.ts";
import type { AuditLog } from "../audit/event.ts";
import type { Findings } from "../audit/forward/sink.ts";
import { createSubjectHasher } from "../audit/subject-hash.ts";
import type { Config } from "../config/config.ts";
import type { KeyService } from "../grpc/services/keys.ts";
import type { TokenService } from "../grpc/services/tokens.ts";
import type { Metrics } from "../http/metrics.ts";
import { deriveKey, type Kek, type Keks } from "../jose/kek.ts";
import { recordKeysOf } from "../jose/key-vault.ts";
import { createSecretVault } from "../jose/secret-vault.ts";
import { createImportSecret } from "../key-admin/import-secret.ts";
import { createKeyViews, ringOf } from "../key-admin/list-keys.ts";
import { createRevokeKey } from "../key-admin/revoke-key.ts";
import { createRotateKeys } from "../key-admin/rotate-keys.ts";
import { openSecrets, type Secrets } from "../keys/imported/secrets.ts";
import type { Keyring } from "../keys/rotating/keyring.ts";
import { Problem } from "../problem/problem.ts";
import type { LiveProfiles } from "../profile/live-profiles.ts";
import type { Profile } from "../profile/model/profile.ts";
import { storeForgets } from "../replica/fitness.ts";
import type { Installation } from "../replica/installation.ts";
import { createRevokeTokens, createWatchRevocations } from "../revoke/revocation-service.ts";
import { openRevocations, type Revocations } from "../revoke/revocations.ts";
import type { SubjectHasher, SubjectHashers } from "../revoke/revoked-set.ts";
import { createIssueToken } from "../token/issue/issue-token.ts";
import { createRequestIds, type RequestIds } from "../token/issue/request-ids.ts";
import { createTokenSigner, type IssuedToken } from "../token/issue/token-signer.ts";
import type { VerifiedCache } from "../token/verify/cache.ts";
import { createVerifyToken } from "../token/verify/verify-token.ts";
import { countImports, countRevocations } from "./counted.ts";
import { createExpressionErrorReporter } from "./expression-errors.ts";
import { createKeyringReporter, type IsNewFailure } from "./keys/keyring-events.ts";
import { currentKeys, type Keyrings, openKeyrings } from "./keys/keyrings.ts";
import type { Log } from "./log.ts";
import type { SharedState } from "./state/shared-state.ts";

/** What the services are built from. */
export interface ServiceParts {
  readonly config: Config;
  readonly state: SharedState;
  readonly installation: Installation;
  readonly keks: Keks;
  readonly audit: AuditLog;
  /** As `look` of the audit pipeline. */
  readonly lookAtAudit: () => Promise<void>;
  /** Of the audit stream. */
  readonly auditSettings: () => Findings;
  readonly denials: DenialCounter;
  readonly live: LiveProfiles;
  readonly metrics: Metrics;
  readonly cache: VerifiedCache;
  readonly newTokenId: () => string;
  /** Unix milliseconds. */
  readonly now: () => number;
  readonly log: Log;
  /** Shared by all attempts to open: a failure that goes on is logged once. */
  readonly isNew: IsNewFailure;
  readonly stopping: AbortSignal;
}

/** The services, open. */
export interface Services {
  readonly tokens: TokenService;
  readonly keys: KeyService;
  readonly keyrings: ReadonlyMap<string, Keyring>;
  /** Stores keys and revocations again that the shared state has forgotten. */
  putBack(): void;
}

/** What the services read, and the hasher of their events. */
interface Opened {
  readonly keyrings: ReadonlyMap<string, Keyring>;
  readonly retired: readonly Keyring[];
  readonly secrets: Secrets;
  readonly revocations: Revocations;
  readonly hasher: SubjectHasher;
}

/**
 * Opens the rings, the secrets and the revocations, then builds the services on them. Rejects with a StateError or a
 * KeyringError. In either case `endings` undoes what was begun.
 */
export async function openServices(parts: ServiceParts, endings: Shutdown): Promise<Services> {
  const { audit, lookAtAudit, keks, now } = parts;
  const hashers = subjectHashersOf(keks);
  const [hasher] = hashers;
  const { inUse, retired } = await startKeyrings(parts, endings);
  const keyrings = new Map(inUse.map((ring) => [ring.keyset, ring]));
  const secrets = await startSecrets(parts, endings);
  const revocations = await startRevocations(parts, hashers, endings);
  // Only now: an attempt that failed has written no event, and none of these keys has signed yet.
  for (const keyring of keyrings.values()) await audit.append(currentKeys(keyring, now()), now());
  // A rolling update would take a moment of readiness on a full disk for a good start.
  await lookAtAudit();
  const opened = { keyrings, retired, secrets, revocations, hasher };
  const requestIds = startRequestIds(now, endings);
  return {
    tokens: createTokenService(parts, opened, requestIds),
    keys: createKeyService(parts, opened),
    keyrings,
    putBack() {
      // A ring reports a failure itself, and tries again.
      for (const keyring of [...inUse, ...retired]) void keyring.maintain().catch(() => undefined);
      secrets.readAgain();
      revocations.putBack();
    },
  };
}

async function startKeyrings(parts: ServiceParts, endings: Shutdown): Promise<Keyrings> {
  const { config, state, keks, now } = parts;
  const stopping = new AbortController();
  // After the rings: while the service drains, they still rotate, and callers rotate and revoke.
  endings.add(() => stopping.abort());
  const report = createKeyringReporter({ ...parts, stopping: stopping.signal });
  const rings = await openKeyrings(config, state, keks, now, report);
  for (const ring of [...rings.inUse, ...rings.retired]) {
    endings.add(() => ring.stop());
    ring.start();
  }
  return rings;
}

async function startSecrets({ state, keks, now, log, isNew }: ServiceParts, endings: Shutdown): Promise<Secrets> {
  const recordKeys = recordKeysOf(keks);
  const secrets = await openSecrets({
    store: state.store.secrets(recordKeys),
    vault: createSecretVault(keks),
    now,
    recordKeys,
    report(event) {
      if (event.type === "secrets.failed" && !isNew(event.type, event.error)) return;
      log("error", event);
    },
  });
  endings.add(() => secrets.stop());
  secrets.start();
  return secrets;
}

/** The revocations that this replica knows, from its snapshot while the store is unreachable. */
async function startRevocations(
  { state: { store, fitness, snapshots }, now, log, isNew }: ServiceParts,
  hashers: SubjectHashers,
  endings: Shutdown,
): Promise<Revocations> {
  const saved = await snapshots.revocations?.load();
  // After a crash the time of the last contact may be missing. The snapshot still counts, dated 1970.
  const snapshot = saved === undefined ? {} : { snapshot: { asOf: snapshots.lastHeard ?? 0, revocations: saved } };
  const revocations = await openRevocations({
    store: store.rings,
    hashers,
    now,
    contactAgeMs: fitness.ageMs,
    onProblem(error) {
      if (isNew("revocations", error)) log("error", { type: "revocations.failed", error });
    },
    onProgress: (count, complete) => log("info", { type: "revocations.read", count, complete }),
    onPutBack: (count) => log("error", { type: "revocations.restored", count }),
    ...snapshot,
  });
  endings.add(() => revocations.stop());
  const saving = new AbortController();
  const saves = snapshots.revocations?.keep(revocations, saving.signal);
  endings.add(() => {
    saving.abort();
    return saves;
  });
  return revocations;
}

/** How long an answer may stay in memory after its two minutes. A full cache takes a millisecond or two to purge. */
const PURGE_MS = 5_000;

function startRequestIds(now: () => number, endings: Shutdown): RequestIds<IssuedToken> {
  const requestIds = createRequestIds<IssuedToken>(now);
  // Unref'ed: freeing memory is no reason to keep the process alive.
  const purging = setInterval(requestIds.purge, PURGE_MS).unref();
  endings.add(() => clearInterval(purging));
  return requestIds;
}

function createTokenService(
  parts: ServiceParts,
  { keyrings, secrets, revocations, hasher }: Opened,
  requestIds: RequestIds<IssuedToken>,
): TokenService {
  const { config, state, audit, auditSettings, denials, live, metrics, cache, newTokenId, now, log } = parts;
  const { requireFit, requireRightClock } = state.fitness;
  const common = {
    profiles: live.current,
    keysOf: ({ name, keys: source }: Profile, tenant: string) =>
      source.kind === "keyset" ? ringOf(keyrings, source.keyset) : secrets.keysOf({ profile: name, tenant }),
    now,
    onExpressionError: createExpressionErrorReporter(metrics, log, now),
  };
  return {
    issue: createIssueToken({
      ...common,
      signer: createTokenSigner({ audit, hashSubject: hasher.hash, verifyEvery: config.verifyEvery }),
      requestIds,
      isRevoked: revocations.has,
      requireFit() {
        requireFit();
        if (auditSettings().refused.length > 0) throw storeForgets("audit events");
      },
      newTokenId,
      onIssued: metrics.issued,
      onDenied(profile, caller, error) {
        const reason = error instanceof Problem ? error.code : "INTERNAL";
        denials.count(profile, caller, reason);
        metrics.denied(profile, reason);
      },
    }),
    verify: createVerifyToken({ ...common, revocations, cache, onRejected: metrics.rejected }),
    revoke: countRevocations(
      createRevokeTokens({ profiles: live.current, revocations, hasher, requireRightClock, audit, now }),
      metrics,
    ),
    watchRevocations: createWatchRevocations(live.current, revocations),
  };
}

function createKeyService(parts: ServiceParts, { keyrings, retired, secrets }: Opened): KeyService {
  const { config, state, keks, audit, live, metrics, now } = parts;
  const { requireFit, requireRightClock } = state.fitness;
  const common = { profiles: live.current, secrets, requireRightClock, audit, now };
  return {
    ...createKeyViews(config, keyrings, retired, secrets, now),
    importKey: countImports(createImportSecret({ ...common, vault: createSecretVault(keks), randomBytes }), metrics),
    rotateKeys: createRotateKeys((keyset) => ringOf(keyrings, keyset), requireFit),
    revokeKey: createRevokeKey({
      ...common,
      keyrings: () => [...keyrings.values(), ...retired],
      replicas: state.peers,
    }),
  };
}

/** Keyed hashes of subjects, for events and revocations alike: under the current KEK first, then under earlier ones. */
function subjectHashersOf([current, ...previous]: Keks): SubjectHashers {
  return [hasherOf(current), ...previous.map(hasherOf)];
}

function hasherOf(kek: Kek): SubjectHasher {
  return { keyId: kek.id, hash: createSubjectHasher(deriveKey(kek, "audit subject")) };
}
