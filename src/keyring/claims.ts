import { type Epochs, type StoredEpoch, sameBytes } from "./epochs.ts";
import type { KeyringEvent } from "./event.ts";
import { epochCreated } from "./event.ts";
import type { HeldRing } from "./held-ring.ts";
import type { KeyringOptions } from "./keyring-options.ts";
import type { LoadedRing } from "./loaded-ring.ts";
import { makeEpoch } from "./make-epoch.ts";
import type { EpochPlan } from "./plan.ts";
import type { EpochRecord } from "./record.ts";

/** The epochs that this process makes. */
export interface Claims {
  /** Makes the epoch after `before`. Undefined when another replica was faster. */
  claim(plan: EpochPlan, before: EpochRecord | undefined, caller?: string): Promise<HeldRing | undefined>;
  /** What is to be told of an epoch that is held from now on. Undefined: it was not made here. */
  madeHere(stored: StoredEpoch): KeyringEvent | undefined;
}

export function claimsOf(
  { keyset, alg, maker }: KeyringOptions,
  epochs: Epochs<EpochRecord>,
  load: (record: EpochRecord) => Promise<LoadedRing>,
): Claims {
  let claiming: { readonly stored: StoredEpoch; readonly event: KeyringEvent } | undefined;

  return {
    async claim(plan, before, caller) {
      const record = await makeEpoch(plan, keyset, alg, maker);
      // Loaded before it is claimed: keys that can't prove themselves must not become an epoch.
      const ring = await load(record);
      const stored = epochs.wrap(record);
      claiming = { stored, event: epochCreated(record, before, caller) };
      if (await epochs.claim(stored)) return { stored, ring };
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
