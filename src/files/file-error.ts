import { CodedError } from "../coded-error.ts";

/**
 * A file or folder can't be used. The message begins with its path. The code is the operating system's (ENOSPC, EROFS,
 * EACCES, …), or EXPOSED: another user has more access than is allowed.
 */
export class FileError extends CodedError<string> {}

/**
 * The error of the operating system with the path that it concerns, which an error of an open file lacks. Any other
 * error is returned as it is. A folder that was read as a file is EISDIR.
 */
export function fileErrorOf(path: string, cause: unknown): unknown {
  if (cause instanceof FileError || !(cause instanceof Error) || !("syscall" in cause) || !("code" in cause))
    return cause;
  if (cause.code === "EISDIR" && cause.syscall === "read") return folderError(path, cause);
  return new FileError(String(cause.code), `${path} can't be used: ${cause.message}`, { cause });
}

/** As {@link fileErrorOf}, for a draft of what gets this path: whoever reads the error has never heard of the draft. */
export function draftErrorOf(path: string, cause: unknown): unknown {
  const error = fileErrorOf(path, cause);
  if (error === cause || !(error instanceof FileError)) return error;
  return new FileError(error.code, error.message.replace(/, \w+ '.*'$/s, ""), { cause });
}

/** A folder is at a path where a file must be. */
export function folderError(path: string, cause?: unknown): FileError {
  return new FileError("EISDIR", `${path} is a folder, and must be a file`, { cause });
}
