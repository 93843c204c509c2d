import type { Command } from "commander";
import packageJson from "../../package.json" with { type: "json" };
import type { KeyBackup } from "./commands/keys/export-restore.ts";
import type { StartApp } from "./commands/service/serve.ts";
import { addEveryCommand, addNamedCommands, type CommandContext } from "./commands.ts";
import { EXIT, usageError } from "./failure.ts";
import type { Io } from "./io.ts";
import { report } from "./output/report.ts";
import { StrictCommand } from "./strict-command.ts";

/**
 * Runs one command line, with `argv` as in `process.argv`, and resolves with its exit code. It never rejects and never
 * exits the process. The caller MUST exit with the code even if work is left: a stop of `serve` that a second signal
 * cut short, or a connection that gRPC was making when the deadline passed.
 */
export async function run(argv: readonly string[], io: Io, startApp: StartApp, backup: KeyBackup): Promise<number> {
  let code: number = EXIT.ok;
  const exit = (ended: number) => {
    code = ended;
  };
  // Without a listener, a reader that closes the pipe (`signet keys list | head -1`) would cause a stack trace.
  const ignore = () => {};
  io.stdout.on("error", ignore);
  try {
    const program = createProgram(io);
    await addNamedCommands(program, namesIn(argv.slice(2)), { io, startApp, backup, exit });
    addHelp(program);
    await program.parseAsync(argv);
    return code;
  } catch (error) {
    return report(error, io, argv.includes("--json"));
  } finally {
    io.stdout.off("error", ignore);
  }
}

/** Builds all commands and runs none. */
export async function buildProgram(context: CommandContext): Promise<Command> {
  const program = createProgram(context.io);
  await addEveryCommand(program, context);
  return program;
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
