import { CodedError } from "../coded-error.ts";

/**
 * NOTHING: there are no keys. NEWER: the store holds a later epoch, and would fall back. EXISTS: it holds other keys, which
 * are not overwritten.
 */
export type BackupErrorCode = "NOTHING" | "NEWER" | "EXISTS";

export class BackupError extends CodedError<BackupErrorCode> {}
