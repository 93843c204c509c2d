import { CodedError } from "../coded-error.ts";

/**
 * KEK_MISSING: there is no file. KEK_EXPOSED: group or others may read or write it. KEK_LENGTH: not 32 bytes.
 * KEK_ENCODING: not base64url. KEK_EXISTS: a file is there already, which is never overwritten. KEK_UNREADABLE: the file
 * system refuses.
 */
export type KekErrorCode =
  | "KEK_MISSING"
  | "KEK_EXPOSED"
  | "KEK_LENGTH"
  | "KEK_ENCODING"
  | "KEK_EXISTS"
  | "KEK_UNREADABLE";

export class KekError extends CodedError<KekErrorCode> {}
