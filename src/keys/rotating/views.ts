import type { Caller } from "../../caller.ts";
import type { KeyState, KeysetAlgorithm, PublicJwk } from "../model.ts";
import type { Strays } from "../store/strays.ts";
import { keyState, newestFirst, nextToSign, type Postponed, published, takingOver } from "./key-states.ts";
import type { EpochReason, EpochRecord, KeyTimes } from "./record.ts";

/** A public key as a JWKS lists it (RFC 7517, 4). */
export type JwksKey = PublicJwk & { readonly use: "sig"; readonly alg: KeysetAlgorithm; readonly kid: string };

/** A key as an operator sees it. Times in Unix milliseconds; those that a standby does not have yet are NEVER. */
export interface KeyInfo extends KeyTimes {
  readonly keyset: string;
  readonly epoch: number;
  readonly kid: string;
  readonly alg: KeysetAlgorithm;
  readonly state: KeyState;
  /** Undefined: not revoked. */
  readonly revokedAt: number | undefined;
  /** The replicas that its take-over waits for. */
  readonly waitsFor: readonly string[];
}

/** How the take-over of a key depends on the replicas. */
export interface Acknowledgement {
  readonly postponed: Postponed;
  /** Names of the live replicas whose epoch is below this one. */
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

/** What a keyring reports, for the log and the audit log. */
export type KeyringEvent =
  /** This process created an epoch. A replica that lost the race for it reports nothing. */
  | {
      readonly type: "epoch.created";
      readonly keyset: string;
      readonly epoch: number;
      readonly reason: EpochReason;
      /** Kids that the epoch lists and the one before it did not. */
      readonly added: readonly string[];
      /** Kids that the epoch before it listed and this one does not. */
      readonly removed: readonly string[];
      /** The key that takes over next, or with this epoch. Undefined: none does. Unix milliseconds. */
      readonly next: { readonly kid: string; readonly signFrom: number } | undefined;
      /** The caller that asked for it. Absent: it was due. */
      readonly caller?: Caller;
    }
  /** The store had lost epochs. The newest one that this process knew is stored again, byte for byte. */
  | {
      readonly type: "restored";
      readonly keyset: string;
      readonly epoch: number;
      /** The highest epoch that the store still had. 0: none. */
      readonly found: number;
    }
  /** The store's epoch replaced the ring in use and lacks keys of it that had signed: their tokens are lost. */
  | { readonly type: "dropped"; readonly keyset: string; readonly epoch: number; readonly kids: readonly string[] }
  /** An epoch was created over garbage that lay at its place. */
  | { readonly type: "mended"; readonly keyset: string; readonly epoch: number }
  /** Entries among those of the keyset that are no epochs, and count as nothing. */
  | ({ readonly type: "strays"; readonly keyset: string } & Strays)
  /** A revoked key is not revoked in the store's epoch. The next epoch revokes it again. */
  | { readonly type: "unrevoked"; readonly keyset: string; readonly epoch: number; readonly kid: string }
  /** A key is due to sign and waits for replicas that don't have it yet. Reported once for a take-over. */
  | { readonly type: "late"; readonly keyset: string; readonly kid: string; readonly replicas: readonly string[] }
  /** The public key rejected what its private key signed. The key no longer signs. */
  | { readonly type: "distrusted"; readonly keyset: string; readonly kid: string }
  /** An operation failed. The ring stays as it was, and the operation is retried. */
  | { readonly type: "problem"; readonly keyset: string; readonly error: unknown };

export function epochCreated(record: EpochRecord, before: EpochRecord | undefined, caller?: Caller): KeyringEvent {
  const { keyset, epoch, reason } = record;
  const kids = record.keys.map(({ kid }) => kid);
  const kidsBefore = before?.keys.map(({ kid }) => kid) ?? [];
  const added = kids.filter((kid) => !kidsBefore.includes(kid));
  const removed = kidsBefore.filter((kid) => !kids.includes(kid));
  const taking = nextToSign(record, record.createdAt - 1);
  const next = taking && { kid: taking.kid, signFrom: taking.signFrom };
  const by = caller === undefined ? {} : { caller };
  return { type: "epoch.created", keyset, epoch, reason, added, removed, next, ...by };
}
