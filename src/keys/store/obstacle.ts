import { KeyringError } from "../error.ts";
import { type Epoch, otherKek, type RecordKeys, type RecordKind } from "./authenticated-record.ts";
import type { Survey } from "./survey.ts";

type Kind = Pick<RecordKind<Epoch>, "name" | "prefix">;

/** Garbage lies where an authentic epoch may have been. */
export function mayHideAnEpoch({ name }: Kind, epoch: number): KeyringError {
  const message =
    `epoch ${epoch} of ${name} is not authentic, and may have been: nothing is signed until a replica has put it ` +
    "back, or written over it, which takes some seconds";
  return new KeyringError("BROKEN_RECORD", message);
}

/** The error of a ring with an epoch after the one in use under a KEK that was not given. Undefined: it has none. */
export function underUnknownKek({ name }: Kind, survey: Survey, keys: RecordKeys): KeyringError | undefined {
  const { unknownKek, next } = survey;
  if (next !== "unknownKek" || unknownKek === undefined) return undefined;
  const message =
    `${unknownKek.key}, an epoch of ${name} after the one in use, was written under ` +
    `${otherKek(unknownKek.value, keys)}. It may revoke keys: nothing is signed until this replica has that key too. ` +
    "If it is none of yours, delete the entry";
  return new KeyringError("WRONG_KEK", message);
}

/** There are entries, and none is an authentic epoch. */
export function nothingAuthentic({ name, prefix }: Kind, { unknownKek }: Survey, keys: RecordKeys): KeyringError {
  if (unknownKek !== undefined) {
    const under = otherKek(unknownKek.value, keys);
    return new KeyringError("WRONG_KEK", `${unknownKek.key}, an epoch of ${name}, was written under ${under}`);
  }
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
