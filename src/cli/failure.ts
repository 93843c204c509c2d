import type { Fault } from "../config/fault.ts";
import { EXIT } from "./exit-codes.ts";

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
