import { CommanderError } from "commander";
import { formatFault } from "../../schema/fault.ts";
import { EXIT, Failure, type FailureReport, usageError } from "../failure.ts";
import type { Io } from "../io.ts";
import { createPainter } from "./colour.ts";
import { printable, redact } from "./safe-text.ts";

/** Writes the error to standard error, as text or as one JSON object, and returns the exit code. */
export function report(error: unknown, io: Io, json: boolean): number {
  if (error instanceof CommanderError && isAnswer(error))
    return error.code === "commander.help" ? EXIT.failed : EXIT.ok;
  const failure = asFailure(error);
  const text = json ? `${JSON.stringify(failure.report)}\n` : readable(failure.report, io);
  io.stderr.write(redact(text));
  return failure.exitCode;
}

/** Help and version are already printed. "commander.help" is a command that was called without its subcommand. */
function isAnswer({ code }: CommanderError): boolean {
  return code === "commander.help" || code === "commander.helpDisplayed" || code === "commander.version";
}

function asFailure(error: unknown): Failure {
  if (error instanceof Failure) return error;
  if (error instanceof CommanderError) return usageError(usageText(error));
  const message = error instanceof Error ? error.message : String(error);
  return new Failure({ code: "UNEXPECTED", message }, EXIT.failed, { cause: error });
}

/** Removes the values that commander repeats, which may be tokens or personal data. Names of options stay. */
function usageText({ code, message }: CommanderError): string {
  const text = message.replace(/^error: /, "").replaceAll("\n", " ");
  if (code === "commander.excessArguments") return text.replace(/(but got \d+): .*$/s, "$1");
  return code === "commander.unknownOption" ? text.replace(/^(unknown option '[^=]*)=.*'/s, "$1'") : text;
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
