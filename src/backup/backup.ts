import { KeyringError } from "../keys/error.ts";
import { SECRETS_PREFIX } from "../keys/imported/parse-secret.ts";
import { type RecordKeys, unwrapBody } from "../keys/store/authenticated-record.ts";
import { inBatches, parseRevocation, REVOKED, type Revocation, storeRevocations } from "../revoke/revocation.ts";
import type { Entry, KeyValue } from "../state/keyvalue.ts";
import { type BackupEntry, BackupError, decodeBackup, encodeBackup } from "./archive.ts";
import { type BackupTools, epochsIn, KEYS_PREFIX, type OnRing, type ProvenRing, provenRings } from "./proven-rings.ts";

/** Where replicas keep the writers of the audit log. */
const WRITERS = "audit/writers/";

/** The content of a backup, for a report. */
export interface BackupContent {
  readonly rings: readonly ProvenRing[];
  readonly revocations: number;
}

/**
 * Backs up all keys and imported secrets as they are stored, and the revocations: without them a restored ring would
 * accept revoked tokens. And the writers of the audit log: without their public keys nobody could check the checkpoints
 * of those that are gone. Throws {@link BackupError} NOTHING, and {@link KeyringError} when any ring could not be
 * restored.
 */
export async function createBackup(
  store: KeyValue,
  tools: BackupTools,
  now: number,
  onRing: OnRing = () => {},
): Promise<BackupContent & { readonly file: Buffer }> {
  const stored = [...(await store.list(KEYS_PREFIX)), ...(await store.list(SECRETS_PREFIX))];
  const keys = epochsIn(stored, tools.recordKeys);
  const rings = await provenRings(keys, tools, onRing);
  if (rings.length === 0) throw new BackupError("NOTHING", "there are no keys to back up");
  const revoked = await store.list(REVOKED);
  const writers = (await store.list(WRITERS)).filter((entry) => isAuthentic(entry, tools.recordKeys));
  const file = encodeBackup([...keys, ...revoked, ...writers], now, tools.recordKeys);
  return { rings, revocations: revoked.length, file };
}

function isAuthentic({ key, value }: Entry, recordKeys: RecordKeys): boolean {
  try {
    unwrapBody(value, key, recordKeys);
    return true;
  } catch (error) {
    if (error instanceof KeyringError) return false;
    throw error;
  }
}

/** A backup whose keys were all opened. */
export interface ProvenBackup {
  readonly rings: readonly ProvenRing[];
  readonly revoked: readonly BackupEntry[];
  /** Of the audit log. Each has its own MAC. */
  readonly writers: readonly BackupEntry[];
}

/** Throws {@link KeyringError} when anything in the backup can't be trusted or opened. */
export async function readBackup(
  content: Uint8Array,
  tools: BackupTools,
  onRing: OnRing = () => {},
): Promise<ProvenBackup> {
  const entries = decodeBackup(content, tools.recordKeys);
  const { revoked = [], writers = [], rings = [] } = Object.groupBy(entries, kindOf);
  return { rings: await provenRings(rings, tools, onRing), revoked, writers };
}

/**
 * Restores a backup into a store, and changes nothing that the store holds. A ring that the store holds already must be
 * the one of the backup, as after an interrupted restore. Throws {@link BackupError} NEWER and EXISTS.
 */
export async function restoreBackup(
  store: KeyValue,
  { rings, revoked, writers }: ProvenBackup,
  now: number,
  onRing: OnRing = () => {},
): Promise<BackupContent> {
  for (const ring of rings) checkStored(ring, await store.list(ring.prefix));
  // Revocations first: no restored key may verify a revoked token.
  for (const batch of inBatches(restorable(revoked, now))) await storeRevocations(store, batch);
  // A replica that has registered its own meanwhile knows more of it.
  for (const { key, value } of writers) await store.create(key, value);
  // The lowest epoch first: no service starts with the ring that an interrupted restore leaves.
  for (const [index, ring] of rings.entries()) {
    for (const entry of ring.entries) await restoreEntry(store, entry, ring);
    onRing(index + 1, rings.length);
  }
  return { rings, revocations: revoked.length };
}

function kindOf({ key }: BackupEntry): "revoked" | "writers" | "rings" {
  if (key.startsWith(REVOKED)) return "revoked";
  return key.startsWith(WRITERS) ? "writers" : "rings";
}

function checkStored(ring: ProvenRing, stored: readonly Entry[]): void {
  for (const entry of stored) {
    const kept = ring.entries.find(({ key }) => key === entry.key);
    if (kept !== undefined && sameBytes(kept.value, entry.value)) continue;
    const epoch = Number(entry.key.slice(ring.prefix.length));
    if (epoch > ring.epoch)
      throw new BackupError("NEWER", `${ring.name}: the store holds epoch ${epoch}, the backup only ${ring.epoch}`);
    throw otherKeys(ring, epoch);
  }
}

async function restoreEntry(store: KeyValue, { key, value }: BackupEntry, ring: ProvenRing): Promise<void> {
  if ((await store.create(key, value)) !== undefined) return;
  const stored = await store.get(key);
  if (stored === undefined || !sameBytes(stored.value, value))
    throw otherKeys(ring, Number(key.slice(ring.prefix.length)));
}

function* restorable(revoked: readonly BackupEntry[], now: number): Generator<Revocation> {
  for (const entry of revoked) {
    const revocation = parseRevocation(entry);
    if (revocation !== undefined && revocation.until > now) yield revocation;
  }
}

function otherKeys({ name }: ProvenRing, epoch: number): BackupError {
  return new BackupError(
    "EXISTS",
    `${name}: the store holds another epoch ${epoch} than the backup: restore into an empty one`,
  );
}

function sameBytes(left: Uint8Array, right: Uint8Array): boolean {
  return Buffer.compare(left, right) === 0;
}
