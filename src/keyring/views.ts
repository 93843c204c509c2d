import type { EpochRecord, KeysetAlgorithm, KeyTimes, PublicJwk } from "./record.ts";
import type { KeyState } from "./state.ts";
import { keyState, newestFirst, published } from "./state.ts";

/** A public key as a JWKS shows it (RFC 7517, 4). */
export type JwksKey = PublicJwk & { readonly use: "sig"; readonly alg: KeysetAlgorithm; readonly kid: string };

/** A key as an operator sees it. */
export interface KeyInfo extends KeyTimes {
  readonly keyset: string;
  readonly epoch: number;
  readonly kid: string;
  readonly alg: KeysetAlgorithm;
  readonly state: KeyState;
}

export function jwksOf(ring: EpochRecord, now: number): readonly JwksKey[] {
  return published(ring, now).map(({ publicJwk, alg, kid }) => ({ ...publicJwk, use: "sig", alg, kid }));
}

export function keyInfos(ring: EpochRecord, now: number): readonly KeyInfo[] {
  const { keyset, epoch } = ring;
  return newestFirst(ring).map((key) => {
    const { kid, alg, publishAt, signFrom, signUntil, verifyUntil } = key;
    return { keyset, epoch, kid, alg, state: keyState(ring, key, now), publishAt, signFrom, signUntil, verifyUntil };
  });
}
