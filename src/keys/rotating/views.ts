import type { KeyState, KeysetAlgorithm, PublicJwk } from "../model.ts";
import type { EpochReason, EpochRecord, KeyTimes } from "./record.ts";
import { keyState, newestFirst, type Postponed, published, takingOver } from "./ring.ts";

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

/** What a keyring has to tell, for the log and the audit. */
export type KeyringEvent =
  /** This process made an epoch; whoever lost the race for it tells nothing. */
  | {
      readonly type: "epoch.created";
      readonly keyset: string;
      readonly epoch: number;
      readonly reason: EpochReason;
      /** Kids that the epoch lists and the one before it did not. */
      readonly added: readonly string[];
      /** Kids that the epoch before it listed and this one does not. */
      readonly removed: readonly string[];
      /** Who asked for it. Absent: it was due. */
      readonly caller?: string;
    }
  /** The store had lost epochs: it holds the newest that this process knew again, byte for byte. */
  | {
      readonly type: "restored";
      readonly keyset: string;
      readonly epoch: number;
      /** The highest that the store held. 0: none. */
      readonly found: number;
    }
  /** The store's epoch took the place of the ring in use, and lacks keys of it that had signed: their tokens are lost. */
  | { readonly type: "dropped"; readonly keyset: string; readonly epoch: number; readonly kids: readonly string[] }
  /** In the store's epoch a key that was revoked is not: it is revoked again in the next one. */
  | { readonly type: "unrevoked"; readonly keyset: string; readonly epoch: number; readonly kid: string }
  /** A key's time to sign has come, and it waits for replicas that don't hold it yet. Told once for a take-over. */
  | { readonly type: "late"; readonly keyset: string; readonly kid: string; readonly replicas: readonly string[] }
  /** A key signed what its own public half rejects: it signs no more. */
  | { readonly type: "distrusted"; readonly keyset: string; readonly kid: string }
  /** A turn failed. The ring stays as it was and the turn is tried again. */
  | { readonly type: "problem"; readonly keyset: string; readonly error: unknown };

export function epochCreated(record: EpochRecord, before: EpochRecord | undefined, caller?: string): KeyringEvent {
  const { keyset, epoch, reason } = record;
  const kids = record.keys.map(({ kid }) => kid);
  const kidsBefore = before?.keys.map(({ kid }) => kid) ?? [];
  const added = kids.filter((kid) => !kidsBefore.includes(kid));
  const removed = kidsBefore.filter((kid) => !kids.includes(kid));
  return { type: "epoch.created", keyset, epoch, reason, added, removed, ...(caller === undefined ? {} : { caller }) };
}
