import { KeyringError } from "../error.ts";
import type { Epoch, RecordKeys, RecordKind } from "./authenticated-record.ts";
import type { Survey } from "./survey.ts";

type Kind = Pick<RecordKind<Epoch>, "name" | "prefix">;

/** Garbage lies where an authentic epoch may have been. */
export function mayHideAnEpoch({ name }: Kind, epoch: number): KeyringError {
  const message =
    `epoch ${epoch} of ${name} is not authentic, and may have been: nothing is signed until a replica has put it ` +
    "back, or written over it, which takes some seconds";
  return new KeyringError("BROKEN_RECORD", message);
}

/** An epoch after the one in use is under a KEK that was not given. */
export function underUnknownKek({ name }: Kind, inUse: number, keys: RecordKeys): KeyringError {
  const known = keys.map(({ kek }) => kek).join(", ");
  const message =
    `an epoch of ${name} after ${inUse} was written under another key-encryption key than the given ${known}, and may ` +
    "revoke keys: nothing is signed until this replica has that key too";
  return new KeyringError("WRONG_KEK", message);
}

/** There are entries, and none is an authentic epoch. */
export function nothingAuthentic({ name, prefix }: Kind, { unknownKek }: Survey): KeyringError {
  if (unknownKek)
    return new KeyringError("WRONG_KEK", `the epochs of ${name} were written under another key-encryption key`);
  const message =
    `the entries under ${prefix} hold no authentic epoch of ${name}: restore them from a backup, or remove them if ` +
    "there never was one; nothing is created over them";
  return new KeyringError("BROKEN_RECORD", message);
}

/** The store takes no epoch at a place where it holds none. */
export function refusedEpoch(): KeyringError {
  const message = "the store refuses to create an epoch that it does not hold: it may have been rolled back";
  return new KeyringError("UNREADABLE", message);
}
