import { EventEmitter } from "node:events";
import { PassThrough, Readable } from "node:stream";
import type { Command } from "commander";
import { buildProgram } from "../../src/cli/program.ts";

/** The program with all its commands, of which none can run. */
export function wholeProgram(): Promise<Command> {
  const notStarted = () => Promise.reject(new Error("nothing is started"));
  return buildProgram({
    io: {
      stdin: Readable.from([]),
      stdout: new PassThrough(),
      stderr: new PassThrough(),
      env: {},
      now: Date.now,
      signals: new EventEmitter(),
    },
    startApp: notStarted,
    backup: { exportKeys: notStarted, restoreKeys: notStarted },
    checkConnections: notStarted,
    closeWriter: notStarted,
    exit: () => {},
  });
}

/** The commands that have none below them. */
export function leaves(command: Command): Command[] {
  return command.commands.length === 0 ? [command] : command.commands.flatMap(leaves);
}

/** The words that call a command: "keys import". */
export function pathOf(command: Command): string {
  return command.parent?.parent ? `${pathOf(command.parent)} ${command.name()}` : command.name();
}
