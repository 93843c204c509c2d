import { KeyringError } from "../keys/error.ts";
import { loadSecrets } from "../keys/imported/loaded-secrets.ts";
import { SECRETS_PREFIX, secretPlace, secretRecords } from "../keys/imported/parse-secret.ts";
import { type LoadTools, loadRing } from "../keys/rotating/loaded-ring.ts";
import { keysetRecords } from "../keys/rotating/parse-record.ts";
import { type Epoch, type RecordKeys, type RecordKind, unwrapRecord } from "../keys/store/authenticated-record.ts";
import type { SecretVault } from "../keys/vault.ts";
import type { BackupEntry } from "./archive.ts";

export const KEYS_PREFIX = "keys/";

export interface BackupTools extends LoadTools {
  readonly recordKeys: RecordKeys;
  readonly vault: SecretVault;
}

/** A ring whose highest epoch was read and whose keys were opened. */
export interface ProvenRing {
  /** Human-readable, without the tenant. */
  readonly name: string;
  readonly prefix: string;
  readonly epoch: number;
  /** How many keys the highest epoch lists. */
  readonly keys: number;
  /** All epochs, the lowest first; superseded ones are mostly empty. */
  readonly entries: readonly BackupEntry[];
}

/**
 * The rings among entries of `keys/` and `secrets/`. Each is opened as the service opens it at the start: a backup that
 * can't be opened must not be discovered on the day it is needed. Throws {@link KeyringError}.
 */
export async function provenRings(entries: readonly BackupEntry[], tools: BackupTools): Promise<ProvenRing[]> {
  const byPrefix = Map.groupBy(entries, ({ key }) => key.slice(0, key.lastIndexOf("/") + 1));
  const rings: ProvenRing[] = [];
  for (const [prefix, epochs] of byPrefix) rings.push(await prove(prefix, epochs, tools));
  return rings;
}

async function prove(prefix: string, entries: readonly BackupEntry[], tools: BackupTools): Promise<ProvenRing> {
  const sorted = entries.toSorted((left, right) => epochOf(left) - epochOf(right));
  const highest = sorted.at(-1);
  if (highest === undefined) throw stray(prefix);
  const epoch = epochOf(highest);
  const proven = (kind: RecordKind<Epoch>, keys: number) => ({ name: kind.name, prefix, epoch, keys, entries: sorted });
  if (prefix.startsWith(SECRETS_PREFIX)) {
    const owner = secretPlace(highest.key)?.owner;
    if (owner === undefined) throw stray(highest.key);
    const kind = secretRecords(owner);
    const record = unwrapRecord(highest.value, kind, epoch, tools.recordKeys);
    loadSecrets(record, tools.vault);
    return proven(kind, record.secrets.length);
  }
  const [, keyset] = /^keys\/([A-Za-z0-9_-]+)\/epoch\/$/.exec(prefix) ?? [];
  if (keyset === undefined) throw stray(prefix);
  const kind = keysetRecords(keyset);
  const record = unwrapRecord(highest.value, kind, epoch, tools.recordKeys);
  await loadRing(record, tools, () => false);
  return proven(kind, record.keys.length);
}

function epochOf({ key }: BackupEntry): number {
  const text = key.slice(key.lastIndexOf("/") + 1);
  if (!/^[1-9][0-9]{0,14}$/.test(text)) throw stray(key);
  return Number(text);
}

function stray(key: string): KeyringError {
  return new KeyringError("BROKEN_RECORD", `${key} is not an epoch of keys or secrets`);
}
