import type { Fault } from "../schema/fault.ts";

/** Why a command failed, for text and JSON output. It MUST NOT contain a token, a secret or a claim. */
export interface FailureReport {
  /** The name of a gRPC status code, or a code of the command line itself: "USAGE", "CONFIG", "KEK", …. */
  readonly code: string;
  readonly message: string;
  /** The reason of the google.rpc.ErrorInfo. */
  readonly reason?: string;
  /** The violations of the google.rpc.BadRequest. */
  readonly violations?: readonly { readonly field: string; readonly description: string }[];
  /** The delay of the google.rpc.RetryInfo, as a proto-JSON duration: "1.500s". */
  readonly retryDelay?: string;
  /** The faults of a configuration file or a profile file. */
  readonly faults?: readonly Fault[];
}

/** Ends a command. The report goes to standard error; `exitCode` becomes the exit code of the process. */
export class Failure extends Error {
  readonly report: FailureReport;
  readonly exitCode: number;
  constructor(report: FailureReport, exitCode: number = EXIT.failed, options?: ErrorOptions) {
    super(report.message, options);
    this.name = "Failure";
    this.report = report;
    this.exitCode = exitCode;
  }
}

/** A failure with the code USAGE and exit code 2. */
export function usageError(message: string): Failure {
  return new Failure({ code: "USAGE", message });
}

/**
 * There is no such file or folder, or it is of the other kind: the command line names another one. Codes of a FileError.
 */
export const MISNAMED: readonly string[] = ["ENOENT", "ENOTDIR", "EISDIR"];

/** The exit codes of `signet`. Codes from 65 on are those of sysexits.h. */
export const EXIT = {
  ok: 0,
  /**
   * The token is not valid, the call is denied (`access check`), the configuration has faults (`config check`), the
   * audit log has faults (`audit verify`) or messages that are no events (`audit export`), there is no receipt (`audit
   * receipt`) or it proves nothing (`audit check-receipt`), the service does not serve
   * (`health`), or it ended unexpectedly (`serve`).
   */
  negative: 1,
  /** Wrong usage, or the service refused the call or did not answer. */
  failed: 2,
  /** No checkpoint in the stream yet: ask again later (`audit receipt`, `audit export --tiles`, `keys history --proof`). */
  pending: 3,
  /** EX_DATAERR: stored keys are damaged, forged or swapped. They are never overwritten. */
  keysDamaged: 65,
  /**
   * EX_NOINPUT: the state or the spool of the data folder is missing; or the key-encryption key is, and none may be
   * created.
   */
  missing: 66,
  /** EX_UNAVAILABLE: an address is in use or can't be bound (`serve`), or nobody answers there (`health`). */
  unavailable: 69,
  /** EX_OSERR: this version of Node has known vulnerabilities. */
  oldNode: 71,
  /** EX_IOERR: the state or the spool is damaged, open to other users, or unusable; or an answer can't be written. */
  state: 74,
  /** EX_TEMPFAIL: another process uses the data folder. */
  dataInUse: 75,
  /** EX_NOPERM: the key-encryption key is malformed, open to other users, or not the one that sealed the keys. */
  kek: 77,
  /**
   * EX_CONFIG: the configuration has faults, or the data folder belongs to another store, or its parts to different
   * installations.
   */
  config: 78,
} as const;
