import { FileError } from "../../../files/file-error.ts";
import { EXIT, Failure, MISNAMED, usageError } from "../../failure.ts";
import { unreadLog } from "../../input/audit-log.ts";
import type { NatsOptions } from "../../input/nats-options.ts";

/** How long an interrupted export may take to remove what is unfinished. */
export const CLEAN_UP_MS = 2_000;

/** The command line names all files and folders that an export opens: it can name others than these, too. */
const MISNAMED_PATHS = [...MISNAMED, "EEXIST", "EACCES"];

/** Without files the stream was exported. */
export function exportFailure(error: unknown, files: readonly string[], options: NatsOptions): Failure {
  if (!(error instanceof FileError)) return unreadLog(error, files, options);
  if (MISNAMED_PATHS.includes(error.code)) return usageError(error.message);
  return new Failure({ code: "FILE", message: error.message }, EXIT.failed, { cause: error });
}
