import { Help } from "commander";

/** What the help of a command says below its options. */
interface MoreHelp {
  readonly examples: readonly string[];
  /** Paragraphs. A page of the documents is named by its path in the checkout: docs/sessions.md. */
  readonly notes?: readonly string[];
  /** What each code means; by default those of a command that calls the service. */
  readonly exitCodes?: Readonly<Record<number, string>>;
}

const CALL_CODES = { 0: "done", 2: "wrong usage, refused, or no answer" };
const WIDTH = 80;

/** The text below the options, in blocks: examples, notes, exit codes. docs/command-line.md is generated from it. */
export function moreHelp({ examples, notes = [], exitCodes = CALL_CODES }: MoreHelp): string {
  const wrapped = (text: string, width: number) => new Help().boxWrap(text, width);
  const codes = Object.entries(exitCodes).map(([code, meaning]) => {
    const lines = wrapped(meaning, WIDTH - 6).split("\n");
    return `\n  ${code.padEnd(4)}${lines.join(`\n${" ".repeat(6)}`)}`;
  });
  return [
    `\nExamples:\n${examples.map((line) => `  $ ${line}\n`).join("")}`,
    ...notes.map((note) => `${wrapped(note, WIDTH)}\n`),
    `Exit codes:${codes.join("")}`,
  ].join("\n");
}
