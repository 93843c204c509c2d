import type { Caller } from "../../caller.ts";
import { KeyringError } from "../error.ts";
import type { KeysetAlgorithm } from "../model.ts";
import { type Epochs, sameBytes } from "../store/epochs.ts";
import type { StoredEpoch } from "../store/survey.ts";
import type { KeyMaker, MadeKey } from "../vault.ts";
import type { CurrentRing, LoadedRing } from "./loaded-ring.ts";
import type { KeyringOptions } from "./options.ts";
import type { EpochPlan } from "./plan.ts";
import type { EpochRecord, KeyRecord } from "./record.ts";
import { epochCreated, type KeyringEvent } from "./views.ts";

/**
 * The record that a plan asks for, with fresh keys. All private keys are sealed under the current KEK: a standby, which
 * no schedule replaces, would otherwise stay under an earlier one. Nothing is stored yet.
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

/**
 * A kid is 96 bits of a hash and does not repeat by chance. Three repeated kids in a row mean a broken source of keys.
 */
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
  throw new KeyringError("KEY_MISMATCH", `keyset ${keyset}: three new keys in a row had the kid of a key in the ring`);
}

/** Creates the epochs of this process, and reports each of them once. */
export interface EpochCreator {
  /**
   * Creates the epoch after `before`, for `caller`, with `overGarbage` also where garbage lies. Undefined when
   * something else is at its place: another replica was faster.
   */
  create(
    plan: EpochPlan,
    before: EpochRecord | undefined,
    overGarbage: boolean,
    caller?: Caller,
  ): Promise<CurrentRing | undefined>;
  /** The event to report for an epoch that is now in use; undefined unless this process created it. */
  takeEvent(stored: StoredEpoch): KeyringEvent | undefined;
}

export function createEpochCreator(
  { keyset, alg, maker }: KeyringOptions,
  epochs: Epochs<EpochRecord>,
  load: (record: EpochRecord) => Promise<LoadedRing>,
): EpochCreator {
  let pending: { readonly stored: StoredEpoch; readonly event: KeyringEvent } | undefined;

  return {
    async create(plan, before, overGarbage, caller) {
      const record = await makeEpoch(plan, keyset, alg, maker);
      // Loaded first: keys that can't prove themselves must not become an epoch.
      const ring = await load(record);
      const stored = epochs.wrap(record);
      pending = { stored, event: epochCreated(record, before, caller) };
      let isCreated = false;
      try {
        isCreated = await epochs.create(stored, overGarbage);
        // A record without new keys may equal the winner's in every byte, and would be reported as created here.
        if (!isCreated) pending = undefined;
        return isCreated ? { stored, ring } : undefined;
      } finally {
        if (!isCreated) ring.close();
      }
    },
    // Reported when the epoch is seen in the store: a creation that failed may have taken effect.
    takeEvent(stored) {
      const event = pending !== undefined && sameBytes(pending.stored, stored) ? pending.event : undefined;
      pending = undefined;
      return event;
    },
  };
}
