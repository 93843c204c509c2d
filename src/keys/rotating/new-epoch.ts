import { KeyringError } from "../error.ts";
import type { KeysetAlgorithm } from "../model.ts";
import { type Epochs, type StoredEpoch, sameBytes } from "../store/epochs.ts";
import type { KeyMaker, MadeKey } from "../vault.ts";
import type { CurrentRing, LoadedRing } from "./loaded-ring.ts";
import type { KeyringOptions } from "./options.ts";
import type { EpochPlan } from "./plan.ts";
import type { EpochRecord, KeyRecord } from "./record.ts";
import { epochCreated, type KeyringEvent } from "./views.ts";

/**
 * The record that a plan asks for, with fresh keys, and all private halves under the current KEK: a standby does not rotate
 * away by itself. Nothing is stored yet.
 */
async function makeEpoch(plan: EpochPlan, keyset: string, alg: KeysetAlgorithm, maker: KeyMaker): Promise<EpochRecord> {
  const { epoch, createdAt, reason } = plan;
  const keys: KeyRecord[] = await Promise.all(plan.keep.map((key) => resealed(key, keyset, maker)));
  for (const { publishAt, signFrom, signUntil, verifyUntil } of plan.make) {
    const { kid, publicJwk, sealed } = await makeUnlike(keys, keyset, alg, maker);
    keys.push({ kid, alg, publicJwk, publishAt, signFrom, signUntil, verifyUntil, since: epoch, sealed });
  }
  return { version: 1, keyset, epoch, createdAt, reason, keys };
}

async function resealed(key: KeyRecord, keyset: string, maker: KeyMaker): Promise<KeyRecord> {
  const { sealed } = key;
  return sealed === undefined ? key : { ...key, sealed: await maker.reseal(keyset, { ...key, sealed }) };
}

/** A kid is 96 bits of a hash: two alike by chance are as good as impossible, so a third is a broken source of keys. */
async function makeUnlike(
  keys: readonly KeyRecord[],
  keyset: string,
  alg: KeysetAlgorithm,
  maker: KeyMaker,
): Promise<MadeKey> {
  for (let attempt = 0; attempt < 3; attempt++) {
    const made = await maker.make(keyset, alg);
    if (keys.every(({ kid }) => kid !== made.kid)) return made;
  }
  throw new KeyringError("KEY_MISMATCH", `keyset ${keyset}: three new keys in turn had the kid of one in the ring`);
}

/** The epochs that this process makes. */
export interface EpochCreator {
  /** Makes the epoch after `before`. Undefined when another replica was faster. */
  create(plan: EpochPlan, before: EpochRecord | undefined, caller?: string): Promise<CurrentRing | undefined>;
  /** What is to be told of an epoch that is held from now on. Undefined: it was not made here. */
  madeHere(stored: StoredEpoch): KeyringEvent | undefined;
}

export function createEpochCreator(
  { keyset, alg, maker }: KeyringOptions,
  epochs: Epochs<EpochRecord>,
  load: (record: EpochRecord) => Promise<LoadedRing>,
): EpochCreator {
  let claiming: { readonly stored: StoredEpoch; readonly event: KeyringEvent } | undefined;

  return {
    async create(plan, before, caller) {
      const record = await makeEpoch(plan, keyset, alg, maker);
      // Loaded before it is claimed: keys that can't prove themselves must not become an epoch.
      const ring = await load(record);
      const stored = epochs.wrap(record);
      claiming = { stored, event: epochCreated(record, before, caller) };
      if (await epochs.create(stored)) return { stored, ring };
      // Without a new key in it, the winner's record may be the same in every byte.
      claiming = undefined;
      return undefined;
    },
    // Not where it is claimed: of a claim that failed nobody knows at once whether it was heard.
    madeHere(stored) {
      const event = claiming !== undefined && sameBytes(claiming.stored, stored) ? claiming.event : undefined;
      claiming = undefined;
      return event;
    },
  };
}
