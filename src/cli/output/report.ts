import { CommanderError } from "commander";
import { formatFault } from "../../schema/fault.ts";
import { EXIT, Failure, type FailureReport, usageError } from "../failure.ts";
import type { Io } from "../io.ts";
import { usageText } from "../strict-command.ts";
import { createPainter } from "./colour.ts";
import { printable, redact, safeJson } from "./safe-text.ts";

/** Writes the error to standard error, as text or as one JSON object, and returns the exit code. */
export function report(error: unknown, io: Io, json: boolean): number {
  if (error instanceof CommanderError && isAnswer(error)) return error.exitCode === 0 ? EXIT.ok : EXIT.failed;
  const failure = asFailure(error);
  const text = json ? `${safeJson(JSON.stringify(failure.report))}\n` : readable(failure.report, io);
  io.stderr.write(redact(text));
  return failure.exitCode;
}

/** Help and version are already printed. A command that was called without its subcommand has another exit code than 0. */
function isAnswer({ code }: CommanderError): boolean {
  return code === "commander.help" || code === "commander.helpDisplayed" || code === "commander.version";
}

function asFailure(error: unknown): Failure {
  if (error instanceof Failure) return error;
  if (error instanceof CommanderError) return usageError(usageText(error));
  const message = error instanceof Error ? error.message : String(error);
  return new Failure({ code: "UNEXPECTED", message }, EXIT.failed, { cause: error });
}

function readable({ code, message, reason, violations = [], retryDelay, faults = [] }: FailureReport, io: Io): string {
  const paint = createPainter(io, io.stderr);
  const label = code === "USAGE" ? "" : `${code}: `;
  const lines = [
    `${paint("red", "error:")} ${label}${printable(message)}`,
    ...violations.map(({ field, description }) => `  ${printable(field)}: ${printable(description)}`),
    ...(reason === undefined ? [] : [`  reason: ${printable(reason)}`]),
    ...(retryDelay === undefined ? [] : [`  try again in ${retryDelay}`]),
    // In the format of compilers, so that an editor can jump to the line.
    ...faults.map((fault) => printable(formatFault(fault))),
  ];
  return `${lines.join("\n")}\n`;
}
