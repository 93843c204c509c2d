import type { Entry } from "../../state/keyvalue.ts";
import { KeyringError } from "../error.ts";
import { isUnderCurrent, type RecordKeys, unwrapRecord } from "../store/authenticated-record.ts";
import { secretsUnavailable } from "../unavailable.ts";
import type { SecretVault } from "../vault.ts";
import { type LoadedSecrets, loadSecrets } from "./loaded-secrets.ts";
import { secretPlace, secretRecords } from "./parse-secret.ts";
import type { SecretEpoch, SecretOwner } from "./secret.ts";
import type { SecretsEvent } from "./views.ts";

/** An epoch of secrets that could be read. stale: it must be sealed again under the current KEK. */
interface ReadRing {
  readonly record: SecretEpoch;
  readonly stale: boolean;
}

/** Returns the epoch to create after `before`; undefined when none is needed. */
export type NextEpoch = (before: SecretEpoch | undefined) => Promise<SecretEpoch | undefined>;

/** The newest epoch of every ring that this process has read. */
export interface SecretRings {
  /** Adds an entry of the store. One that can't be read is reported, and affects no other ring. */
  addEntry(entry: Entry): void;
  /**
   * Adds all entries of the store, the highest epochs first: emptied epochs may surround the newest one of a ring. At
   * the start, records under an earlier KEK are stale.
   */
  addEntries(entries: readonly Entry[], atStart: boolean): void;
  /** Adds an epoch that this process made or read. */
  use(record: SecretEpoch): void;
  /** 0 when nothing was imported. */
  epochOf(owner: SecretOwner): number;
  /** Undefined when nothing was imported. Throws the {@link KeyringError} of a ring that can't be read. */
  recordOf(owner: SecretOwner): SecretEpoch | undefined;
  /** Opens the secrets at the first call. Undefined when nothing was imported. Throws the Problem KEYS_UNAVAILABLE. */
  keysOf(owner: SecretOwner): LoadedSecrets | undefined;
  /** All rings that can be read, by profile and tenant. */
  all(): readonly ReadRing[];
}

interface RingInUse {
  readonly epoch: number;
  readonly read: ReadRing | { readonly error: KeyringError };
  loaded?: LoadedSecrets;
}

export function createSecretRings(
  recordKeys: RecordKeys,
  vault: SecretVault,
  report: (event: SecretsEvent) => void,
): SecretRings {
  const rings = new Map<string, RingInUse>();

  function epochOf(owner: SecretOwner): number {
    return rings.get(idOf(owner))?.epoch ?? 0;
  }

  function useUnreadable(owner: SecretOwner, epoch: number, error: unknown): void {
    if (!(error instanceof KeyringError)) throw error;
    rings.set(idOf(owner), { epoch, read: { error } });
    report({ type: "secrets.unreadable", ...owner, error });
  }

  function add({ key, value }: Entry, atStart = false): void {
    const place = secretPlace(key);
    if (place === undefined) {
      report({ type: "secrets.stray", key });
      return;
    }
    const { owner, epoch } = place;
    // A lower epoch was emptied, or arrives late.
    if (epoch <= epochOf(owner)) return;
    try {
      const record = unwrapRecord(value, secretRecords(owner), epoch, recordKeys);
      rings.set(idOf(owner), { epoch, read: { record, stale: atStart && !isUnderCurrent(value, recordKeys) } });
    } catch (error) {
      useUnreadable(owner, epoch, error);
    }
  }

  return {
    addEntry: (entry) => add(entry),

    addEntries(entries, atStart) {
      const numbered = entries.map((entry) => ({ entry, epoch: secretPlace(entry.key)?.epoch ?? 0 }));
      for (const { entry } of numbered.sort((left, right) => right.epoch - left.epoch)) add(entry, atStart);
    },

    use(record) {
      if (record.epoch > epochOf(record))
        rings.set(idOf(record), { epoch: record.epoch, read: { record, stale: false } });
    },

    epochOf,

    recordOf(owner) {
      const read = rings.get(idOf(owner))?.read;
      if (read !== undefined && "error" in read) throw read.error;
      return read?.record;
    },

    keysOf(owner) {
      const ring = rings.get(idOf(owner));
      if (ring === undefined || ring.loaded !== undefined) return ring?.loaded;
      if ("error" in ring.read) throw secretsUnavailable(ring.read.error);
      try {
        ring.loaded = loadSecrets(ring.read.record, vault);
      } catch (error) {
        useUnreadable(owner, ring.epoch, error);
        throw secretsUnavailable(error);
      }
      return ring.loaded;
    },

    all: () =>
      [...rings]
        .toSorted(([left], [right]) => (left < right ? -1 : 1))
        .flatMap(([, { read }]) => ("record" in read ? [read] : [])),
  };
}

/** Unambiguous: no profile name has a space. */
function idOf({ profile, tenant }: SecretOwner): string {
  return `${profile} ${tenant}`;
}
