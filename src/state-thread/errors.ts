import { StateError, type StateErrorCode } from "../state/keyvalue.ts";

/** An error as it is sent to the other thread, with its causes. A clone of an error would lose its code. */
export interface SentError {
  /** The code of a StateError. */
  readonly stateCode?: StateErrorCode;
  /** The code of any other error, such as ENOSPC or that of SQLite. */
  readonly code?: string | number;
  readonly name: string;
  readonly message: string;
  readonly cause?: SentError;
}

export function sent(error: unknown): SentError {
  if (!(error instanceof Error)) return { name: "Error", message: String(error) };
  const { name, message } = error;
  const cause = error.cause === undefined ? {} : { cause: sent(error.cause) };
  if (error instanceof StateError) return { stateCode: error.code, name, message, ...cause };
  const code = "code" in error && isCode(error.code) ? { code: error.code } : {};
  return { ...code, name, message, ...cause };
}

/** Rebuilds an error of the other thread. */
export function received({ stateCode, code, name, message, cause }: SentError): Error {
  const options = cause === undefined ? {} : { cause: received(cause) };
  if (stateCode !== undefined) return new StateError(stateCode, message, options);
  return Object.assign(new Error(message, options), { name }, code === undefined ? {} : { code });
}

function isCode(code: unknown): code is string | number {
  return typeof code === "string" || typeof code === "number";
}
