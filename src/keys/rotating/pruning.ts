import { ableAt } from "./key-states.ts";
import type { KeyPolicy } from "./policy.ts";
import { type EpochRecord, type KeyRecord, NEVER } from "./record.ts";

/** How long a removed key stays listed: its tokens are then rejected as retired, and not for an unknown kid. */
const LISTED_AFTER_REMOVAL_MS = 24 * 60 * 60 * 1000;
/** How many removed and revoked keys are listed: an epoch has to fit one entry of the store. */
const MAX_PAST = 16;

/**
 * The ring's keys without the private keys that have signed for the last time, and without keys that were removed long
 * ago.
 */
export function prunedKeys(ring: EpochRecord, time: number, policy: KeyPolicy): readonly KeyRecord[] {
  const listed = ring.keys.filter((key) => time < endOf(key) + LISTED_AFTER_REMOVAL_MS);
  const past = listed.filter((key) => key.revoked !== undefined || time >= key.verifyUntil);
  const surplus = past.toSorted((left, right) => left.verifyUntil - right.verifyUntil).slice(0, -MAX_PAST);
  return listed
    .filter((key) => !surplus.includes(key))
    .map((key) => (isSpent(key, ring, time, policy) ? withoutPrivateKey(key) : key));
}

/** Whether the ring holds a private key that has signed for the last time. */
export function holdsSpentPrivateKey(ring: EpochRecord, time: number, policy: KeyPolicy): boolean {
  return ring.keys.some((key) => isSpent(key, ring, time, policy));
}

export function withoutPrivateKey(key: KeyRecord): KeyRecord {
  const { sealed: _, ...rest } = key;
  return rest;
}

/**
 * Bringing a key forward ends the one before it early too: no replica signs with that one after the delay. Only a key
 * that may sign itself ends another: the ring's last one must not lose its private key to one that is over already, as
 * after downtime under a policy with a shorter period.
 */
function isSpent(key: KeyRecord, ring: EpochRecord, time: number, { activationDelay }: KeyPolicy): boolean {
  if (key.sealed === undefined) return false;
  const superseded = ableAt(ring, time).some(
    ({ signFrom }) => signFrom > key.signFrom && signFrom + activationDelay <= time,
  );
  return superseded || time >= key.signUntil;
}

function endOf({ verifyUntil, revoked }: KeyRecord): number {
  return verifyUntil === NEVER && revoked !== undefined ? revoked.at : verifyUntil;
}
