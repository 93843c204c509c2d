import type { Fault } from "../schema/fault.ts";

/** Why a command did not do what was asked, in a form for people and for programs. It MUST hold no token or claim. */
export interface FailureReport {
  /** The name of the gRPC status code, or of the command line's own: "USAGE", "CONFIG", "KEK", .... */
  readonly code: string;
  readonly message: string;
  /** The reason of the google.rpc.ErrorInfo. */
  readonly reason?: string;
  /** The violations of the google.rpc.BadRequest. */
  readonly violations?: readonly { readonly field: string; readonly description: string }[];
  /** The delay of the google.rpc.RetryInfo, as a proto-JSON duration: "1.500s". */
  readonly retryDelay?: string;
  /** The faults of a configuration. */
  readonly faults?: readonly Fault[];
}

/** Ends a command: the report goes to standard error, the code becomes the process' exit code. */
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

/** The command was called in a wrong way. */
export function usage(message: string): Failure {
  return new Failure({ code: "USAGE", message });
}

/** The exit codes of `signet`. Those from 65 on are of sysexits.h. */
export const EXIT = {
  ok: 0,
  /** A token that is not valid, a configuration with faults (`config check`), or an unexpected end (`serve`). */
  negative: 1,
  /** Wrong usage, or the service did not do what was asked. */
  failed: 2,
  /** EX_DATAERR: stored keys are damaged, forged or exchanged. Nothing is made over them. */
  keysDamaged: 65,
  /** EX_NOINPUT: there is no key-encryption key, and none may be made. */
  kekMissing: 66,
  /** EX_UNAVAILABLE: an address is taken, or can't be bound. */
  cantListen: 69,
  /** EX_OSERR: the Node that runs it has known faults. */
  oldNode: 71,
  /** EX_IOERR: the state or the spool is damaged, readable by others, or can't be used. */
  state: 74,
  /** EX_TEMPFAIL: another process holds the data folder. */
  dataInUse: 75,
  /** EX_NOPERM: the key-encryption key is malformed, readable by others, or not the one that sealed the keys. */
  kek: 77,
  /** EX_CONFIG: the configuration has faults, or names another store than the one that the data folder took part in. */
  config: 78,
} as const;
