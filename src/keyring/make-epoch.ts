import { KeyringError } from "./error.ts";
import type { KeyMaker, MadeKey } from "./key-maker.ts";
import type { EpochPlan } from "./plan.ts";
import type { EpochRecord, KeyRecord, KeysetAlgorithm } from "./record.ts";

/**
 * The record that a plan asks for, with fresh keys, and all private halves under the current KEK: a standby does not rotate
 * away by itself. Nothing is stored yet.
 */
export async function makeEpoch(
  plan: EpochPlan,
  keyset: string,
  alg: KeysetAlgorithm,
  maker: KeyMaker,
): Promise<EpochRecord> {
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
