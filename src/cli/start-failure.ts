import { AuditError } from "../audit/event.ts";
import { FileError } from "../files/file-error.ts";
import { KekError } from "../jose/kek.ts";
import { KeyringError, type KeyringErrorCode } from "../keys/error.ts";
import { StartError, type StartErrorCode } from "../start-error.ts";
import { StateError } from "../state/keyvalue.ts";
import { EXIT, Failure } from "./failure.ts";

/** The stored keys can't be trusted, or can't be opened even with the right KEK. */
const DAMAGED: readonly KeyringErrorCode[] = ["BROKEN_RECORD", "DAMAGED_KEY", "SWAPPED_KEY", "KEY_MISMATCH"];

const START_EXIT: Readonly<Record<StartErrorCode, number>> = {
  OLD_NODE: EXIT.oldNode,
  CANT_LISTEN: EXIT.unavailable,
  OTHER_STORE: EXIT.config,
  OTHER_INSTALLATION: EXIT.config,
  STATE_MISSING: EXIT.missing,
  SPOOL_MISSING: EXIT.missing,
  SOCKET_EXPOSED: EXIT.config,
  NATS_FILES: EXIT.config,
  UNUSABLE_CERTIFICATES: EXIT.config,
  TRACES_PACKAGES: EXIT.config,
  TRACES_FILES: EXIT.config,
};

/** Converts an error of starting the service, or of opening its stored keys, to a failure with its own exit code. */
export function startFailure(error: unknown): Failure {
  if (error instanceof Failure) return error;
  // A keyring that can't read its store has the store's error, which gives the reason, as its cause.
  const cause = error instanceof KeyringError && error.cause instanceof StateError ? error.cause : error;
  const [code, exitCode] = codesOf(cause);
  return new Failure({ code, message: textOf(cause) }, exitCode, { cause: error });
}

/** An AuditError names the file, and its cause is what the disk said. */
function textOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error instanceof AuditError && error.cause instanceof Error ? error.cause.message : "";
  return error.message.includes(cause) ? error.message : `${error.message}: ${cause}`;
}

function codesOf(error: unknown): [code: string, exitCode: number] {
  if (error instanceof StateError)
    return error.code === "LOCKED" ? ["DATA_IN_USE", EXIT.dataInUse] : ["STATE", EXIT.state];
  if (error instanceof AuditError || error instanceof FileError) return ["STATE", EXIT.state];
  if (error instanceof KekError)
    return error.code === "KEK_MISSING" ? ["KEK_MISSING", EXIT.missing] : ["KEK", EXIT.kek];
  if (error instanceof KeyringError) return keyCodesOf(error.code);
  if (error instanceof StartError) return [error.code, START_EXIT[error.code]];
  // Only errors of the file system have a path.
  if (error instanceof Error && "syscall" in error && "path" in error) return ["STATE", EXIT.state];
  return ["UNEXPECTED", EXIT.negative];
}

function keyCodesOf(code: KeyringErrorCode): [code: string, exitCode: number] {
  if (code === "WRONG_KEK") return ["KEK", EXIT.kek];
  return DAMAGED.includes(code) ? ["KEYS_DAMAGED", EXIT.keysDamaged] : ["UNEXPECTED", EXIT.negative];
}
