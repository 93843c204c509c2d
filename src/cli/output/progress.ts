import type { Io } from "../io.ts";

/** Milliseconds until a command says what it does, and between two lines. */
const EVERY_MS = 1_000;
/** The width of a terminal that does not say its own, or says 0. */
const COLUMNS = 80;

/** What a command is doing, on one line of a terminal that is written over. */
export interface Progress {
  /** What is done from now on: "waiting for 127.0.0.1:50051". It MUST be printable. */
  say(doing: string): void;
  /** Shows a line that stays, on a terminal or not. It MUST be printable. With `--json` nothing is shown. */
  note(line: string): void;
  /** Erases the line, for output that follows. Nothing is shown from now on. */
  end(): void;
}

/**
 * Shows on standard error, once a second has passed, what the command is doing and for how long. It shows nothing with
 * `--json`, and only notes where standard error is not a terminal. It uses no escape codes, so that every terminal can
 * show it.
 */
export function startProgress(io: Io, { json = false }: { readonly json?: boolean }, doing: string): Progress {
  const { stderr } = io;
  if (json) return { say() {}, note() {}, end() {} };
  if (stderr.isTTY !== true) return { say() {}, note: (line) => void stderr.write(`${line}\n`), end() {} };
  const start = performance.now();
  let now = doing;
  let shown = 0;
  const show = () => {
    const seconds = Math.floor((performance.now() - start) / 1_000);
    // One column less than there are: a full line would begin another one.
    const line = `${now} ... ${seconds} s`.slice(0, (stderr.columns || COLUMNS) - 1);
    stderr.write(`\r${line.padEnd(shown)}`);
    shown = line.length;
  };
  const erase = () => {
    if (shown > 0) stderr.write(`\r${" ".repeat(shown)}\r`);
    shown = 0;
  };
  const timer = setInterval(show, EVERY_MS);
  return {
    say: (next) => {
      now = next;
    },
    note: (line) => {
      erase();
      stderr.write(`${line}\n`);
    },
    end: () => {
      clearInterval(timer);
      erase();
    },
  };
}

/** Shows the progress of `work` until it settles; see {@link startProgress}. */
export async function withProgress<Result>(
  io: Io,
  options: { readonly json?: boolean },
  doing: string,
  work: (say: Progress["say"], note: Progress["note"]) => Promise<Result>,
): Promise<Result> {
  const progress = startProgress(io, options, doing);
  try {
    return await work(progress.say, progress.note);
  } finally {
    progress.end();
  }
}
