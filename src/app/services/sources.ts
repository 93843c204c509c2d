import type { Shutdown } from "../../async/shutdown.ts";
import { createClaimsDigester } from "../../audit/claims-digest.ts";
import { createSubjectHasher } from "../../audit/subject-hash.ts";
import { deriveKey, type Kek, type Keks } from "../../jose/kek.ts";
import { recordKeysOf } from "../../jose/key-vault.ts";
import { createSecretVault } from "../../jose/secret-vault.ts";
import { ringOf } from "../../key-admin/list-keys.ts";
import { openSecrets, type Secrets } from "../../keys/imported/secrets.ts";
import type { Keyring } from "../../keys/rotating/keyring.ts";
import type { TokenKeys } from "../../keys/token-keys.ts";
import type { Profile } from "../../profile/model/profile.ts";
import { IneffectiveRevocation, openRevocations, type Revocations } from "../../revoke/revocations.ts";
import type { SubjectHasher, SubjectHashers } from "../../revoke/revoked-set.ts";
import { createKeyringReporter, createRingPublisher } from "../keys/keyring-events.ts";
import { type Keyrings, openKeyrings } from "../keys/keyrings.ts";
import type { ServiceParts } from "./parts.ts";

/** What the services read, opened and kept up to date, and the hasher of their events. */
export interface Sources {
  readonly keyrings: ReadonlyMap<string, Keyring>;
  /** Rings that no profile names any more. */
  readonly retired: readonly Keyring[];
  readonly secrets: Secrets;
  readonly revocations: Revocations;
  readonly hasher: SubjectHasher;
  /** Keyed digest of a token's payload, for its event. */
  readonly digestClaims: (payload: string) => string;
}

/**
 * Opens the rings, the secrets and the revocations. Rejects with a StateError or a KeyringError. In either case
 * `endings` undoes what was begun.
 */
export async function openSources(parts: ServiceParts, endings: Shutdown): Promise<Sources> {
  const hashers = subjectHashersOf(parts.keks);
  const [hasher] = hashers;
  const { inUse, retired } = await startKeyrings(parts, endings);
  const keyrings = new Map(inUse.map((ring) => [ring.keyset, ring]));
  const secrets = await startSecrets(parts, endings);
  const revocations = await startRevocations(parts, hashers, endings);
  const digestClaims = createClaimsDigester(deriveKey(parts.keks[0], "audit claims"));
  return { keyrings, retired, secrets, revocations, hasher, digestClaims };
}

/** The keys of a profile and tenant. */
export function createKeysOf({ keyrings, secrets }: Pick<Sources, "keyrings" | "secrets">) {
  return ({ name, keys: source }: Profile, tenant: string): TokenKeys =>
    source.kind === "keyset" ? ringOf(keyrings, source.keyset) : secrets.keysOf({ profile: name, tenant });
}

async function startKeyrings(parts: ServiceParts, endings: Shutdown): Promise<Keyrings> {
  const { config, state, keks, ed25519, signatures, now } = parts;
  const stopping = new AbortController();
  // After the rings: while the service drains, they still rotate, and callers rotate and revoke.
  endings.add(() => stopping.abort());
  const report = createKeyringReporter({ ...parts, stopping: stopping.signal });
  const onRing = createRingPublisher(parts);
  const rings = await openKeyrings(config, state, { keks, ed25519 }, signatures, now, { report, onRing });
  for (const ring of [...rings.inUse, ...rings.retired]) {
    endings.add(() => ring.stop());
    ring.start();
  }
  return rings;
}

async function startSecrets(
  { state, keks, ed25519, signatures, now, log, isNew }: ServiceParts,
  endings: Shutdown,
): Promise<Secrets> {
  const recordKeys = recordKeysOf(keks);
  const secrets = await openSecrets({
    store: state.store.secrets(recordKeys),
    vault: createSecretVault(keks, (kid) => signatures.signed(kid), ed25519),
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
      const type = error instanceof IneffectiveRevocation ? "revocations.ineffective" : "revocations.failed";
      if (isNew("revocations", error)) log("error", { type, error });
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

/** Keyed hashes of subjects, for events and revocations alike: under the current KEK first, then under earlier ones. */
export function subjectHashersOf([current, ...previous]: Keks): SubjectHashers {
  return [hasherOf(current), ...previous.map(hasherOf)];
}

function hasherOf(kek: Kek): SubjectHasher {
  return { keyId: kek.id, hash: createSubjectHasher(deriveKey(kek, "audit subject")) };
}
