import { randomBytes } from "node:crypto";
import type { Shutdown } from "../async/shutdown.ts";
import type { DenialCounter } from "../audit/denials.ts";
import type { AuditLog } from "../audit/event.ts";
import { createSubjectHasher } from "../audit/subject-hash.ts";
import type { Config } from "../config/config.ts";
import type { Metrics } from "../http/metrics.ts";
import { deriveKey, type Kek, type Keks } from "../jose/kek.ts";
import { recordKeysOf } from "../jose/key-vault.ts";
import { createSecretVault } from "../jose/secret-vault.ts";
import { createImportSecret } from "../key-admin/import-secret.ts";
import { createKeyViews, ringOf } from "../key-admin/list-keys.ts";
import { createRevokeKey } from "../key-admin/revoke-key.ts";
import { createRotateKeys } from "../key-admin/rotate-keys.ts";
import { openSecrets } from "../keys/imported/secrets.ts";
import type { Keyring } from "../keys/rotating/keyring.ts";
import { Problem } from "../problem/problem.ts";
import type { LiveProfiles } from "../profile/live-profiles.ts";
import type { Profile } from "../profile/model/profile.ts";
import { createRevokeTokens, createWatchRevocations } from "../revoke/revocation-service.ts";
import { openRevocations, type Revocations } from "../revoke/revocations.ts";
import type { SubjectHasher, SubjectHashers } from "../revoke/revoked-set.ts";
import { createIssueToken } from "../token/issue/issue-token.ts";
import { createIssuer } from "../token/issue/issuer.ts";
import type { VerifiedCache } from "../token/verify/cache.ts";
import { createVerifyToken } from "../token/verify/verify-token.ts";
import { createExpressionErrorReporter } from "./expression-errors.ts";
import { createKeyringReporter, type IsNewFailure } from "./keys/keyring-events.ts";
import { currentKeys, openKeyrings } from "./keys/keyrings.ts";
import type { Log } from "./log.ts";
import type { SharedState } from "./state/shared-state.ts";

/** What the services are built of. */
export interface ServiceParts {
  readonly config: Config;
  readonly state: SharedState;
  readonly keks: Keks;
  readonly audit: AuditLog;
  readonly denials: DenialCounter;
  readonly live: LiveProfiles;
  readonly metrics: Metrics;
  readonly cache: VerifiedCache;
  readonly newTokenId: () => string;
  /** Unix milliseconds. */
  readonly now: () => number;
  readonly log: Log;
  /** Of all openings: one that fails again and again is told once. */
  readonly isNew: IsNewFailure;
  readonly stopping: AbortSignal;
}

export type Services = Awaited<ReturnType<typeof openServices>>;

/**
 * Opens the rings, the secrets and the revocations, and what is served by them. Rejects with a StateError or a KeyringError;
 * what was begun is in `endings` in either case.
 */
export async function openServices(parts: ServiceParts, endings: Shutdown) {
  const { config, state, keks, audit, live, metrics, now, log, isNew } = parts;
  const keyrings = new Map<string, Keyring>();
  for (const keyring of await openKeyrings(config, state, keks, now, createKeyringReporter(parts))) {
    keyrings.set(keyring.keyset, keyring);
    endings.add(() => keyring.stop());
    keyring.start();
  }
  const vault = createSecretVault(keks);
  const secrets = await openSecrets({
    store: state.secrets,
    vault,
    now,
    recordKeys: recordKeysOf(keks),
    report({ type, ...fields }) {
      if ("error" in fields && type === "secrets.failed" && !isNew(type, fields.error)) return;
      log("error", { type: type, ...fields } as Parameters<Log>[1]);
    },
  });
  endings.add(() => secrets.stop());
  secrets.start();
  const hashers = subjectHashersOf(keks);
  const [hasher] = hashers;
  const revocations = await openRevocationView(state, hashers, now, log);
  endings.add(() => revocations.stop());
  const keeping = new AbortController();
  const kept = state.revocations?.keep(revocations, keeping.signal);
  endings.add(() => {
    keeping.abort();
    return kept;
  });
  // When all is open: an opening that is tried again tells nothing twice, and none of these keys has signed yet.
  for (const keyring of keyrings.values()) await audit.append(currentKeys(keyring, now()), now());

  const { requireRightClock } = state;
  const common = {
    profiles: live.current,
    keysOf: ({ name, keys: source }: Profile, tenant: string) =>
      source.kind === "keyset" ? ringOf(keyrings, source.keyset) : secrets.keysOf({ profile: name, tenant }),
    now,
    onExpressionError: createExpressionErrorReporter(metrics, log, now),
  };
  const tokens = {
    issue: createIssueToken({
      ...common,
      issuer: createIssuer({ audit, hashSubject: hasher.hash, verifyEvery: config.verifyEvery }),
      requireFit: state.requireFit,
      newTokenId: parts.newTokenId,
      onIssued: metrics.issued,
      onDenied: (profile, caller, error) =>
        parts.denials.count(profile, caller, error instanceof Problem ? error.code : "INTERNAL"),
    }),
    verify: createVerifyToken({ ...common, revocations, cache: parts.cache, onRejected: metrics.rejected }),
    revoke: createRevokeTokens({ profiles: live.current, revocations, hasher, requireRightClock, audit, now }),
    watchRevocations: createWatchRevocations(live.current, revocations),
  };
  const keys = {
    ...createKeyViews(config, keyrings, secrets, now),
    importKey: createImportSecret({
      profiles: live.current,
      secrets,
      vault,
      requireRightClock,
      audit,
      now,
      randomBytes,
    }),
    rotateKeys: createRotateKeys((keyset) => ringOf(keyrings, keyset), state.requireFit),
    revokeKey: createRevokeKey({
      profiles: live.current,
      keyrings: () => [...keyrings.values()],
      secrets,
      replicas: state.replicas,
      requireRightClock,
      audit,
      now,
    }),
  };
  return { tokens, keys, keyrings, revocations };
}

/** The keyed hashes of subjects, for events and revocations alike: under the KEK, and under the one before it. */
function subjectHashersOf([current, ...previous]: Keks): SubjectHashers {
  return [hasherOf(current), ...previous.map(hasherOf)];
}

function hasherOf(kek: Kek): SubjectHasher {
  return { keyId: kek.id, hash: createSubjectHasher(deriveKey(kek, "audit subject").export()) };
}

/** What was taken back, as this replica knows it, also before the store is in reach. */
async function openRevocationView(
  state: Pick<SharedState, "store" | "ageMs" | "revocations" | "lastHeard">,
  hashers: SubjectHashers,
  now: () => number,
  log: Log,
): Promise<Revocations> {
  const problem = (error: unknown) => log("error", { type: "revocations.failed", error });
  const kept = await state.revocations?.load();
  // A death may come before it was noted when the store was heard of: then the view is as old as can be, and still counts.
  const snapshot = kept === undefined ? {} : { snapshot: { asOf: state.lastHeard ?? 0, revocations: kept } };
  return openRevocations({
    store: state.store,
    hashers,
    now,
    contactAgeMs: state.ageMs,
    onProblem: problem,
    ...snapshot,
  });
}
