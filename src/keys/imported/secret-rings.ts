import type { Entry } from "../../state/keyvalue.ts";
import { KeyringError } from "../error.ts";
import { isUnderCurrent, type RecordKeys, unwrapRecord } from "../store/authenticated-record.ts";
import { secretsUnavailable } from "../unavailable.ts";
import type { SecretVault } from "../vault.ts";
import { type LoadedSecrets, loadSecrets } from "./loaded-secrets.ts";
import { secretPlace, secretRecords } from "./parse-secret.ts";
import type { SecretEpoch, SecretOwner } from "./secret.ts";
import type { SecretsEvent } from "./views.ts";

/** An epoch of secrets that could be read, and whether it was under another KEK than the current one. */
interface ReadRing {
  readonly record: SecretEpoch;
  readonly stale: boolean;
}

/** The newest epoch of every ring as far as this process has read it. */
export interface SecretRings {
  /** Takes over an entry of the store. One that can't be read is told, and takes no other ring with it. */
  take(entry: Entry): void;
  /**
   * The same for all of the store at once: the newest of a ring may lie anywhere among those that it emptied. At the start
   * what is under an earlier KEK is stale.
   */
  takeAll(entries: readonly Entry[], atStart: boolean): void;
  /** Takes over an epoch that this process made or read. */
  hold(record: SecretEpoch): void;
  /** 0 where nothing was imported. */
  epochOf(owner: SecretOwner): number;
  /** Undefined where nothing was imported. Throws the {@link KeyringError} of a ring that can't be read. */
  recordOf(owner: SecretOwner): SecretEpoch | undefined;
  /** Opened when it is first asked for. Throws the Problem KEYS_UNAVAILABLE. */
  keysOf(owner: SecretOwner): LoadedSecrets | undefined;
  /** All that can be read, by profile and tenant. */
  all(): readonly ReadRing[];
}

interface Held {
  readonly epoch: number;
  readonly read: ReadRing | { readonly error: KeyringError };
  loaded?: LoadedSecrets;
}

export function createSecretRings(
  recordKeys: RecordKeys,
  vault: SecretVault,
  report: (event: SecretsEvent) => void,
): SecretRings {
  const rings = new Map<string, Held>();

  function epochOf(owner: SecretOwner): number {
    return rings.get(idOf(owner))?.epoch ?? 0;
  }

  function holdUnreadable(owner: SecretOwner, epoch: number, error: unknown): void {
    if (!(error instanceof KeyringError)) throw error;
    rings.set(idOf(owner), { epoch, read: { error } });
    report({ type: "secrets.unreadable", ...owner, error });
  }

  function take({ key, value }: Entry, atStart = false): void {
    const place = secretPlace(key);
    if (place === undefined) {
      report({ type: "secrets.stray", key });
      return;
    }
    const { owner, epoch } = place;
    // What is below was emptied, or comes late.
    if (epoch <= epochOf(owner)) return;
    try {
      const record = unwrapRecord(value, secretRecords(owner), epoch, recordKeys);
      rings.set(idOf(owner), { epoch, read: { record, stale: atStart && !isUnderCurrent(value, recordKeys) } });
    } catch (error) {
      holdUnreadable(owner, epoch, error);
    }
  }

  return {
    take: (entry) => take(entry),

    takeAll(entries, atStart) {
      const numbered = entries.map((entry) => ({ entry, epoch: secretPlace(entry.key)?.epoch ?? 0 }));
      for (const { entry } of numbered.sort((left, right) => right.epoch - left.epoch)) take(entry, atStart);
    },

    hold(record) {
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
      const held = rings.get(idOf(owner));
      if (held === undefined || held.loaded !== undefined) return held?.loaded;
      if ("error" in held.read) throw secretsUnavailable(held.read.error);
      try {
        held.loaded = loadSecrets(held.read.record, vault);
      } catch (error) {
        holdUnreadable(owner, held.epoch, error);
        throw secretsUnavailable(error);
      }
      return held.loaded;
    },

    all: () =>
      [...rings]
        .toSorted(([left], [right]) => (left < right ? -1 : 1))
        .flatMap(([, { read }]) => ("record" in read ? [read] : [])),
  };
}

/** No name of a profile has a space. */
function idOf({ profile, tenant }: SecretOwner): string {
  return `${profile} ${tenant}`;
}

/** The epoch to make after this one. */
export type NextEpoch = (before: SecretEpoch | undefined) => Promise<SecretEpoch | undefined>;
