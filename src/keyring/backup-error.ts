/**
 * NOTHING: there are no keys. NEWER: the store holds a later epoch, and would fall back. EXISTS: it holds other keys, which
 * are not overwritten.
 */
export type BackupErrorCode = "NOTHING" | "NEWER" | "EXISTS";

export class BackupError extends Error {
  readonly code: BackupErrorCode;
  constructor(code: BackupErrorCode, message: string) {
    super(message);
    this.name = "BackupError";
    this.code = code;
  }
}
