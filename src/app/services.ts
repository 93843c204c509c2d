import { randomBytes } from "node:crypto";
import type { countDenials } from "../audit/denials.ts";
import type { AuditLog } from "../audit/event.ts";
import type { Config } from "../config/config.ts";
import type { Metrics } from "../http/metrics.ts";
import type { Keks } from "../jose/kek.ts";
import { createSecretVault } from "../jose/secret-vault.ts";
import { recordKeysOf } from "../jose/vault.ts";
import { importing } from "../keyring/importing.ts";
import type { Keyring } from "../keyring/keyring.ts";
import { revokingKeys } from "../keyring/revoking-keys.ts";
import { rotating } from "../keyring/rotating.ts";
import { openSecrets } from "../keyring/secrets.ts";
import type { Log } from "../log.ts";
import type { LiveProfiles } from "../profile/live-profiles.ts";
import { tokenIssuer } from "../token/issue.ts";
import { Problem } from "../token/problem.ts";
import { tokenService } from "../token/service.ts";
import type { VerifiedCache } from "../token/verified-cache.ts";
import type { Endings } from "./endings.ts";
import { keyViews, ringOf } from "./key-service.ts";
import { heldKeys, openKeyrings } from "./keyrings.ts";
import type { IsNewFailure } from "./new-failure.ts";
import { openRevocationView, subjectHashersOf } from "./revocations.ts";
import type { SharedState } from "./shared-state.ts";
import { tellFailed } from "./tell-failed.ts";
import { tellKeyring } from "./tell-keyring.ts";

/** What the services are built of. */
export interface ServiceParts {
  readonly config: Config;
  readonly state: SharedState;
  readonly keks: Keks;
  readonly audit: AuditLog;
  readonly denials: ReturnType<typeof countDenials>;
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
export async function openServices(parts: ServiceParts, endings: Endings) {
  const { config, state, keks, audit, live, metrics, now, log, isNew } = parts;
  const keyrings = new Map<string, Keyring>();
  for (const keyring of await openKeyrings(config, state, keks, now, tellKeyring(parts))) {
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
      log("error", { event: type, ...fields } as Parameters<Log>[1]);
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
  for (const keyring of keyrings.values()) await audit.append(heldKeys(keyring, now()), now());

  const tokens = tokenService({
    profiles: live.current,
    keysOf: ({ name, keys: source }, tenant) =>
      source.kind === "keyset" ? ringOf(keyrings, source.keyset) : secrets.keysOf({ profile: name, tenant }),
    issuer: tokenIssuer({ audit, hashSubject: hasher.hash, verifyEvery: config.verifyEvery }),
    requireFit: state.requireFit,
    requireRightClock: state.requireRightClock,
    now,
    newTokenId: parts.newTokenId,
    observer: {
      issued: metrics.issued,
      denied: (profile, caller, error) =>
        parts.denials.denied(profile, caller, error instanceof Problem ? error.code : "INTERNAL"),
    },
    rejected: metrics.rejected,
    failed: tellFailed(metrics, log, now),
    revocations,
    hasher,
    audit,
    cache: parts.cache,
  });
  const { requireRightClock } = state;
  const keys = {
    ...keyViews(config, keyrings, secrets, now),
    importKey: importing({ profiles: live.current, secrets, vault, requireRightClock, audit, now, randomBytes }),
    rotateKeys: rotating((keyset) => ringOf(keyrings, keyset), state.requireFit),
    revokeKey: revokingKeys({
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
