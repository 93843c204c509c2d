import type { Command } from "commander";
import packageJson from "#package.json" with { type: "json" };
import { addEveryCommand, addNamedCommands, type CommandContext, type Work } from "./commands.ts";
import { EXIT, Failure, usageError } from "./failure.ts";
import type { Io } from "./io.ts";
import { report } from "./output/report.ts";
import { watchOutput } from "./output/watched-output.ts";
import { StrictCommand } from "./strict-command.ts";

/**
 * Runs one command line, with `argv` as in `process.argv`, and resolves with its exit code. It never rejects and never
 * exits the process. The caller MUST exit with the code even if work is left: a stop of `serve` that a second signal
 * cut short, or a connection that gRPC was making when the deadline passed.
 */
export async function run(argv: readonly string[], io: Io, work: Work): Promise<number> {
  const json = argv.includes("--json");
  const output = watchOutput(io.stdout);
  const ended = await perform(argv, io, work).catch((error: unknown) =>
    isInterruption(error) ? error : report(error, io, json),
  );
  const lost = await output.end();
  if (lost === undefined) return typeof ended === "number" ? ended : report(ended, io, json);
  // A disk that is full interrupts a command that has more to write: the disk is what to tell.
  if (typeof ended !== "number" || ended === EXIT.ok) return report(lost, io, json);
  // Of an answer that is no, the exit code is left.
  if (ended === EXIT.negative) report(lost, io, json);
  return ended;
}

function isInterruption(error: unknown): error is Failure {
  return error instanceof Failure && error.report.code === "CANCELLED";
}

async function perform(argv: readonly string[], io: Io, work: Work): Promise<number> {
  let code: number = EXIT.ok;
  const exit = (ended: number) => {
    code = ended;
  };
  const program = createProgram(io);
  await addNamedCommands(program, namesIn(argv.slice(2)), contextOf({ ...work, io, exit }));
  addHelp(program);
  await program.parseAsync(argv);
  return code;
}

/** Builds all commands and runs none. */
export async function buildProgram(parts: Omit<CommandContext, "everyCommand">): Promise<Command> {
  const program = createProgram(parts.io);
  await addEveryCommand(program, contextOf(parts));
  addHelp(program);
  return program;
}

function contextOf(parts: Omit<CommandContext, "everyCommand">): CommandContext {
  return { ...parts, everyCommand: () => buildProgram(parts) };
}

function createProgram(io: Io): Command {
  return new StrictCommand("signet")
    .description("issue, verify and revoke scoped JSON Web Tokens")
    .version(packageJson.version)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => io.stdout.write(text),
      writeErr: (text) => io.stderr.write(text),
      // report() writes usage errors, without the values that they quote.
      outputError: () => {},
    })
    .helpCommand(false)
    .addHelpText(
      "after",
      "\nExit codes: 0 success, 1 not valid, 2 wrong usage, refused or no answer (for serve see: signet serve --help).",
    );
}

function addHelp(program: Command): void {
  program
    .command("help [command...]")
    .description("show the help of a command, as --help does")
    .action((names: string[]) => commandOf(program, names).help());
}

/** The words that may name a command: `signet help keys list` and `signet keys help list` mean `keys list`. */
function namesIn(words: readonly string[]): string[] {
  return words.filter((word) => !word.startsWith("-") && word !== "help");
}

function commandOf(program: Command, names: readonly string[]): Command {
  return names.reduce((group, name) => {
    const command = group.commands.find((candidate) => candidate.name() === name);
    if (command !== undefined) return command;
    const allowed = group.commands.map((candidate) => candidate.name());
    throw usageError(
      `${group.name()} has ${allowed.length === 0 ? "no commands" : `the commands ${allowed.join(", ")}`}`,
    );
  }, program);
}
