import { CommanderError } from "commander";
import { formatFault } from "../../schema/fault.ts";
import { EXIT, Failure, type FailureReport, usage } from "../failure.ts";
import type { Io } from "../io.ts";
import { painter } from "./colour.ts";
import { printable, redact } from "./safe-text.ts";

/** Writes what went wrong to standard error, as text or as one JSON object; returns the exit code. */
export function report(error: unknown, io: Io, json: boolean): number {
  if (error instanceof CommanderError && isAnswer(error))
    return error.code === "commander.help" ? EXIT.failed : EXIT.ok;
  const failure = asFailure(error);
  const text = json ? `${JSON.stringify(failure.report)}\n` : readable(failure.report, io);
  io.stderr.write(redact(text));
  return failure.exitCode;
}

// Help and version were asked for and are printed already; "commander.help" is a command without its subcommand.
function isAnswer({ code }: CommanderError): boolean {
  return code === "commander.help" || code === "commander.helpDisplayed" || code === "commander.version";
}

function asFailure(error: unknown): Failure {
  if (error instanceof Failure) return error;
  if (error instanceof CommanderError) return usage(usageText(error));
  const message = error instanceof Error ? error.message : String(error);
  return new Failure({ code: "UNEXPECTED", message }, EXIT.failed, { cause: error });
}

/** Commander repeats what it did not expect, which may be a token or personal: names are kept, values are not. */
function usageText({ code, message }: CommanderError): string {
  const text = message.replace(/^error: /, "").replaceAll("\n", " ");
  if (code === "commander.excessArguments") return text.replace(/(but got \d+): .*$/s, "$1");
  return code === "commander.unknownOption" ? text.replace(/^(unknown option '[^=]*)=.*'/s, "$1'") : text;
}

function readable({ code, message, reason, violations = [], retryDelay, faults = [] }: FailureReport, io: Io): string {
  const paint = painter(io, io.stderr);
  const label = code === "USAGE" ? "" : `${code}: `;
  const lines = [
    `${paint("red", "error:")} ${label}${printable(message)}`,
    ...violations.map(({ field, description }) => `  ${printable(field)}: ${printable(description)}`),
    ...(reason === undefined ? [] : [`  reason: ${printable(reason)}`]),
    ...(retryDelay === undefined ? [] : [`  try again in ${retryDelay}`]),
    // As compilers print them, so that an editor finds the place.
    ...faults.map((fault) => printable(formatFault(fault))),
  ];
  return `${lines.join("\n")}\n`;
}
