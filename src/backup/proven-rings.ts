import { KeyringError } from "../keys/error.ts";
import { loadSecrets } from "../keys/imported/loaded-secrets.ts";
import { secretPlace, secretRecords } from "../keys/imported/parse-secret.ts";
import type { SecretEpoch } from "../keys/imported/secret.ts";
import { type LoadTools, loadRing } from "../keys/rotating/loaded-ring.ts";
import { keysetPlace, keysetRecords } from "../keys/rotating/parse-record.ts";
import type { EpochRecord } from "../keys/rotating/record.ts";
import { type RecordKeys, type RecordKind, unwrapRecord } from "../keys/store/authenticated-record.ts";
import { nothingAuthentic, underUnknownKek } from "../keys/store/obstacle.ts";
import { surveyEntries } from "../keys/store/survey.ts";
import type { SecretVault } from "../keys/vault.ts";
import type { Entry } from "../state/keyvalue.ts";
import type { BackupEntry } from "./archive.ts";

export const KEYS_PREFIX = "keys/";

export interface BackupTools extends LoadTools {
  readonly recordKeys: RecordKeys;
  readonly vault: SecretVault;
}

/** Called as each of `all` rings is done. */
export type OnRing = (done: number, all: number) => void;

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
export async function provenRings(
  entries: readonly BackupEntry[],
  tools: BackupTools,
  onRing: OnRing,
): Promise<ProvenRing[]> {
  const byPrefix = Map.groupBy(entries, ({ key }) => key.slice(0, key.lastIndexOf("/") + 1));
  const rings: ProvenRing[] = [];
  for (const [prefix, epochs] of byPrefix) onRing(rings.push(await prove(prefix, epochs, tools)), byPrefix.size);
  return rings;
}

async function prove(prefix: string, entries: readonly BackupEntry[], tools: BackupTools): Promise<ProvenRing> {
  const sorted = entries.toSorted((left, right) => epochOf(left) - epochOf(right));
  const highest = sorted.at(-1);
  if (highest === undefined) throw stray(prefix);
  const epoch = epochOf(highest);
  const kind = kindOf(highest.key);
  if (kind === undefined) throw stray(highest.key);
  const keys = await keysIn(highest.value, kind, epoch, tools);
  return { name: kind.records.name, prefix, epoch, keys, entries: sorted };
}

type Kind =
  | { readonly type: "secrets"; readonly records: RecordKind<SecretEpoch> }
  | { readonly type: "keyset"; readonly records: RecordKind<EpochRecord> };

/** The ring that an entry belongs to; undefined when its key names no epoch. */
function kindOf(key: string): Kind | undefined {
  const keyset = keysetPlace(key)?.keyset;
  if (keyset !== undefined) return { type: "keyset", records: keysetRecords(keyset) };
  const { owner, epoch } = secretPlace(key) ?? {};
  if (owner === undefined || epoch === undefined) return undefined;
  return { type: "secrets", records: secretRecords(owner) };
}

/** Opens every key of the highest epoch, and returns how many there are. */
async function keysIn(value: Uint8Array, kind: Kind, epoch: number, tools: BackupTools): Promise<number> {
  if (kind.type === "secrets") {
    const record = unwrapRecord(value, kind.records, epoch, tools.recordKeys);
    loadSecrets(record, tools.vault).close();
    return record.secrets.length;
  }
  const record = unwrapRecord(value, kind.records, epoch, tools.recordKeys);
  (await loadRing(record, tools)).close();
  return record.keys.length;
}

/**
 * The entries of a store that belong into a backup: no strays, and nothing above the highest authentic epoch of each
 * ring. Throws {@link KeyringError} when a ring has none, or perhaps a newer one: a backup must hold the newest.
 */
export function epochsIn(entries: readonly Entry[], recordKeys: RecordKeys): readonly Entry[] {
  const rings = Map.groupBy(entries, ({ key }) => kindOf(key)?.records.prefix);
  return [...rings].flatMap(([prefix, ring]) => {
    const records = kindOf(ring[0]?.key ?? "")?.records;
    if (prefix === undefined || records === undefined) return [];
    const survey = surveyEntries(ring, records, 0, recordKeys);
    const { highest } = survey;
    if (highest === undefined) throw nothingAuthentic(records, survey, recordKeys);
    const unknown = underUnknownKek(records, survey, recordKeys);
    if (unknown !== undefined) throw unknown;
    const strays = new Set(survey.strays);
    return ring.filter(({ key }) => !strays.has(key));
  });
}

function epochOf({ key }: BackupEntry): number {
  const text = key.slice(key.lastIndexOf("/") + 1);
  if (!/^[1-9][0-9]{0,14}$/.test(text)) throw stray(key);
  return Number(text);
}

function stray(key: string): KeyringError {
  return new KeyringError("BROKEN_RECORD", `${key} is not an epoch of keys or secrets`);
}
