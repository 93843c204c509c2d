import { createHash } from "node:crypto";
import { type EpochPlan, planEpoch } from "../../../src/keys/rotating/plan.ts";
import { type KeyPolicy, keyPolicy } from "../../../src/keys/rotating/policy.ts";
import type { EpochRecord, KeyRecord } from "../../../src/keys/rotating/record.ts";

export const start = 1_700_000_000_000;
export const second = 1000;
export const minute = 60 * second;
export const hour = 60 * minute;
export const day = 24 * hour;

/** R 24 h, lead 17 min, D 5 min, T 5 min. */
export const policy: KeyPolicy = keyPolicy({ maxTtl: 5 * minute });

/** C + P + S of it: until a change is known to every verifier. */
export const leadTime = 17 * minute;

/** A key with times and no cryptography in it. The number makes its kid. */
export function makeKey(number: number, overrides: Partial<KeyRecord> = {}): KeyRecord {
  const hash = createHash("sha256").update(`${number}`).digest("base64url");
  return {
    kid: hash.slice(0, 16),
    alg: "EdDSA",
    publicJwk: { kty: "OKP", crv: "Ed25519", x: hash },
    publishAt: start,
    signFrom: start,
    signUntil: start + day + 5 * minute,
    verifyUntil: start + day + 12 * minute,
    since: 1,
    sealed: `sealed-${number}`,
    ...overrides,
  };
}

export function makeRing(overrides: Partial<EpochRecord> = {}): EpochRecord {
  const keys = [makeKey(1)];
  return { version: 1, keyset: "service", epoch: 1, createdAt: start, reason: "first", keys, ...overrides };
}

/** The ring of a new keyset that signs at once: the key that signs, the one that waits, the standby. */
export function firstRing(): EpochRecord {
  const plan = planEpoch(undefined, start, policy, false);
  if (plan === undefined) throw new Error("no plan for a new keyset");
  return applyPlan(plan, 1);
}

/** The ring that a plan makes, with stand-ins for new keys that `number` counts on from. */
export function applyPlan({ epoch, createdAt, reason, keep, make }: EpochPlan, number: number): EpochRecord {
  const made = make.map((times, index) => makeKey(number + index, { ...times, since: epoch }));
  return makeRing({ epoch, createdAt, reason, keys: [...keep, ...made] });
}
