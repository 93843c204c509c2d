import { KeyringError } from "../keys/error.ts";
import { loadSecrets } from "../keys/imported/loaded-secrets.ts";
import { SECRETS_PREFIX, secretPlace, secretRecords } from "../keys/imported/parse-secret.ts";
import { type LoadTools, loadRing } from "../keys/rotating/loaded-ring.ts";
import { keysetRecords } from "../keys/rotating/parse-record.ts";
import { type Epoch, type RecordKeys, type RecordKind, unwrapRecord } from "../keys/store/authenticated-record.ts";
import type { SecretVault } from "../keys/vault.ts";
import type { StoredEntry } from "./archive.ts";

export const KEYS_PREFIX = "keys/";

export interface BackupTools extends LoadTools {
  readonly recordKeys: RecordKeys;
  readonly vault: SecretVault;
}

/** A ring whose highest epoch was read, and whose keys were opened. */
export interface ProvenRing {
  /** For people. It holds no tenant. */
  readonly name: string;
  readonly prefix: string;
  readonly epoch: number;
  /** How many keys the epoch lists. */
  readonly keys: number;
  /** All epochs, the lowest first; those that were superseded are mostly empty. */
  readonly entries: readonly StoredEntry[];
}

/**
 * The rings among entries of `keys/` and `secrets/`, each proven as the service itself does when it starts: a backup of what
 * does not open would be found out on the worst of days. Throws {@link KeyringError}.
 */
export async function provenRings(entries: readonly StoredEntry[], tools: BackupTools): Promise<ProvenRing[]> {
  const byPrefix = Map.groupBy(entries, ({ key }) => key.slice(0, key.lastIndexOf("/") + 1));
  const rings: ProvenRing[] = [];
  for (const [prefix, epochs] of byPrefix) rings.push(await prove(prefix, epochs, tools));
  return rings;
}

async function prove(prefix: string, entries: readonly StoredEntry[], tools: BackupTools): Promise<ProvenRing> {
  const sorted = entries.toSorted((left, right) => epochOf(left) - epochOf(right));
  const highest = sorted.at(-1);
  if (highest === undefined) throw stray(prefix);
  const epoch = epochOf(highest);
  const shown = (kind: RecordKind<Epoch>, keys: number) => ({ name: kind.name, prefix, epoch, keys, entries: sorted });
  if (prefix.startsWith(SECRETS_PREFIX)) {
    const owner = secretPlace(highest.key)?.owner;
    if (owner === undefined) throw stray(highest.key);
    const kind = secretRecords(owner);
    const record = unwrapRecord(highest.value, kind, epoch, tools.recordKeys);
    loadSecrets(record, tools.vault);
    return shown(kind, record.secrets.length);
  }
  const [, keyset] = /^keys\/([A-Za-z0-9_-]+)\/epoch\/$/.exec(prefix) ?? [];
  if (keyset === undefined) throw stray(prefix);
  const kind = keysetRecords(keyset);
  const record = unwrapRecord(highest.value, kind, epoch, tools.recordKeys);
  await loadRing(record, tools, () => false);
  return shown(kind, record.keys.length);
}

function epochOf({ key }: StoredEntry): number {
  const text = key.slice(key.lastIndexOf("/") + 1);
  if (!/^[1-9][0-9]{0,14}$/.test(text)) throw stray(key);
  return Number(text);
}

function stray(key: string): KeyringError {
  return new KeyringError("BROKEN_RECORD", `${key} is not the key of an epoch`);
}
