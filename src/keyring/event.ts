import type { EpochReason, EpochRecord } from "./record.ts";

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

/** What the imported secrets have to tell, for the log. */
export type SecretsEvent =
  /** The newest epoch of a ring can't be trusted or opened: nothing signs or verifies with it. */
  | { readonly type: "secrets.unreadable"; readonly profile: string; readonly tenant: string; readonly error: unknown }
  /** An entry lies among the secrets and is none. */
  | { readonly type: "secrets.stray"; readonly key: string }
  /** A secret signed what it rejects itself: it signs no more. */
  | { readonly type: "secrets.distrusted"; readonly profile: string; readonly tenant: string; readonly kid: string }
  /** The store failed. What was read stays, and it is tried again. */
  | { readonly type: "secrets.failed"; readonly error: unknown };

export function epochCreated(record: EpochRecord, before: EpochRecord | undefined, caller?: string): KeyringEvent {
  const { keyset, epoch, reason } = record;
  const kids = record.keys.map(({ kid }) => kid);
  const kidsBefore = before?.keys.map(({ kid }) => kid) ?? [];
  const added = kids.filter((kid) => !kidsBefore.includes(kid));
  const removed = kidsBefore.filter((kid) => !kids.includes(kid));
  return { type: "epoch.created", keyset, epoch, reason, added, removed, ...(caller === undefined ? {} : { caller }) };
}
