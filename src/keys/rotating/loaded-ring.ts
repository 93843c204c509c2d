import { KeyringError } from "../error.ts";
import type { PublishedKey } from "../key-history.ts";
import { type RecordKeys, unwrapBody } from "../store/authenticated-record.ts";
import type { StoredEpoch } from "../store/survey.ts";
import type { ActiveKey, FoundKey } from "../token-keys.ts";
import type { KeyMaker, SigningKey, VerifyingKey } from "../vault.ts";
import { isVerifiable, nextChange, type Postponed, published, signer, takingOver } from "./key-states.ts";
import { keysetRecords } from "./parse-record.ts";
import { type EpochRecord, type KeyRecord, NEVER } from "./record.ts";

/** An epoch whose keys are open and have proved themselves. */
export interface LoadedRing {
  readonly record: EpochRecord;
  signer(now: number): ActiveKey | undefined;
  verifier(kid: string, now: number): FoundKey;
  /** All keys that verify now, the newest first. */
  verifiers(now: number): readonly VerifyingKey[];
  /** Destroys the private keys, so that none signs any more. The public ones still verify. */
  close(): void;
}

export interface LoadTools {
  readonly maker: KeyMaker;
  /** `size` unpredictable bytes. */
  readonly randomBytes: (size: number) => Buffer;
  /** Called with the kid of a key that signs to test itself: that signature is of no token. */
  readonly onSelfTest?: (kid: string) => void;
}

/**
 * Opens every key of an epoch, and proves that each public key verifies what its private key signs. Throws
 * {@link KeyringError} as {@link KeyMaker.open} does, and KEY_MISMATCH when the proof fails.
 */
export async function loadRing(
  record: EpochRecord,
  { maker, randomBytes: draw, onSelfTest }: LoadTools,
  postponed: Postponed = () => false,
): Promise<LoadedRing> {
  const challenge = draw(32);
  const signing = new Map<string, ActiveKey>();
  const destroyAll = () => {
    for (const key of signing.values()) key.destroy();
    signing.clear();
  };
  const verifying = new Map<string, { record: KeyRecord; found: FoundKey }>();
  try {
    for (const key of record.keys) {
      const verifyingKey = maker.verifying(key);
      verifying.set(key.kid, { record: key, found: { state: "ok", key: verifyingKey } });
      if (key.sealed === undefined) continue;
      const opened = await maker.open(record.keyset, key);
      signing.set(key.kid, { ...opened, ...publishedKey(key), verifyUntil: key.verifyUntil });
      onSelfTest?.(key.kid);
      prove(opened, verifyingKey, record.keyset, challenge);
    }
  } catch (error) {
    destroyAll();
    throw error;
  }

  // The signer changes only at times that the ring lists: between two of them a call costs two comparisons. But a key
  // that waits for replicas may take over at any time.
  let cached: { from: number; until: number; key: ActiveKey | undefined } | undefined;

  function signingKey(now: number): ActiveKey | undefined {
    const kid = signer(record, now, postponed)?.kid;
    return kid === undefined ? undefined : signing.get(kid);
  }

  return {
    record,
    signer(now) {
      if (cached !== undefined && now >= cached.from && now < cached.until) return cached.key;
      const key = signingKey(now);
      const waits = takingOver(record, now, postponed) !== undefined;
      cached = waits ? undefined : { from: now, until: nextChange(record, now), key };
      return key;
    },
    verifier(kid, now) {
      const listed = verifying.get(kid);
      if (listed === undefined) return unknown;
      if (listed.record.revoked !== undefined) return revoked;
      if (now >= listed.record.verifyUntil) return retired;
      return isVerifiable(record, listed.record, now) ? listed.found : unknown;
    },
    verifiers: (now) => published(record, now).flatMap(({ kid }) => keyOf(verifying.get(kid)?.found)),
    close() {
      destroyAll();
      cached = undefined;
    },
  };
}

/** What the log keeps of a key. */
export function publishedKey({ kid, alg, publicJwk, signFrom }: KeyRecord): PublishedKey {
  return { kid, alg, publicJwk, signFrom: signFrom === NEVER ? undefined : signFrom };
}

function keyOf(found: FoundKey | undefined): readonly VerifyingKey[] {
  return found?.state === "ok" ? [found.key] : [];
}

const unknown: FoundKey = { state: "unknown" };
const retired: FoundKey = { state: "retired" };
const revoked: FoundKey = { state: "revoked" };

/**
 * Verifiers know only the published key: a private key that does not match it would sign tokens that none of them
 * accepts.
 */
function prove(signing: SigningKey, verifying: VerifyingKey, keyset: string, challenge: Buffer): void {
  if (verifying.verify(challenge, signing.sign(challenge))) return;
  const key = `key ${verifying.kid} of keyset ${keyset}`;
  throw new KeyringError("KEY_MISMATCH", `${key}: its published public key does not verify what its private key signs`);
}

/** The ring in use, and the stored epoch that it was read from. */
export interface CurrentRing {
  readonly stored: StoredEpoch;
  readonly ring: LoadedRing;
}

/** The ring of a snapshot. Throws {@link KeyringError} when it can't be read, or belongs to another keyset. */
export async function loadSnapshot(
  bytes: Uint8Array,
  options: LoadTools & { readonly keyset: string; readonly recordKeys: RecordKeys },
  postponed: Postponed,
): Promise<CurrentRing> {
  const kind = keysetRecords(options.keyset);
  const where = `the snapshot of ${kind.name}`;
  const record = kind.parse(unwrapBody(bytes, where, options.recordKeys));
  if (!kind.owns({ ...record })) throw new KeyringError("BROKEN_RECORD", `${where} holds the record of another keyset`);
  return { stored: { epoch: record.epoch, bytes }, ring: await loadRing(record, options, postponed) };
}
