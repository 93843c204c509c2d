import type { EpochRecord, KeysetAlgorithm, KeyTimes, PublicJwk } from "./record.ts";
import type { KeyState, Postponed } from "./state.ts";
import { keyState, newestFirst, published, takingOver } from "./state.ts";

/** A public key as a JWKS shows it (RFC 7517, 4). */
export type JwksKey = PublicJwk & { readonly use: "sig"; readonly alg: KeysetAlgorithm; readonly kid: string };

/** A key as an operator sees it. Times in Unix milliseconds, those of a standby that are not known yet are NEVER. */
export interface KeyInfo extends KeyTimes {
  readonly keyset: string;
  readonly epoch: number;
  readonly kid: string;
  readonly alg: KeysetAlgorithm;
  readonly state: KeyState;
  /** Undefined: it was not. */
  readonly revokedAt: number | undefined;
  /** Replicas that its take-over waits for. */
  readonly waitsFor: readonly string[];
}

/** How the take-over of a key depends on the replicas. */
export interface Acknowledgement {
  readonly postponed: Postponed;
  /** The names of those that are alive and hold no epoch as high as this one. */
  readonly late: (epoch: number) => readonly string[];
}

export function jwksOf(ring: EpochRecord, now: number): readonly JwksKey[] {
  return published(ring, now).map(({ publicJwk, alg, kid }) => ({ ...publicJwk, use: "sig", alg, kid }));
}

export function keyInfos(ring: EpochRecord, now: number, { postponed, late }: Acknowledgement): readonly KeyInfo[] {
  const { keyset, epoch } = ring;
  const waiting = takingOver(ring, now, postponed);
  return newestFirst(ring).map((key) => {
    const { kid, alg, publishAt, signFrom, signUntil, verifyUntil, since } = key;
    return {
      ...{ keyset, epoch, kid, alg, publishAt, signFrom, signUntil, verifyUntil },
      state: keyState(ring, key, now, postponed),
      revokedAt: key.revoked?.at,
      waitsFor: key === waiting ? late(since) : [],
    };
  });
}
