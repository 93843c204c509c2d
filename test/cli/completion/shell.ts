import { execFile } from "node:child_process";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { ExecutionContext, Implementation } from "ava";
import { HANGS_MS } from "../../support/bounded.ts";
import { tempFolder } from "../../support/files/temp.ts";
import { giveInput } from "../../support/give-input.ts";
import { findTool } from "../../support/service/find-tool.ts";
import { testUnless } from "../../support/unless-missing.ts";
import { signet } from "../terminal.ts";

export const SHELLS = ["bash", "zsh", "fish"] as const;
export type Shell = (typeof SHELLS)[number];

/** How a session begins: `signet` says what it was called with, and the script is loaded as its head says. */
const SETUP: Readonly<Record<Shell, { readonly start: string; readonly lines: readonly string[] }>> = {
  bash: {
    start: "bash --noprofile --norc -i",
    lines: ["signet() { printf 'RAN:%s:\\n' \"$*\"; }", "source ./completion"],
  },
  zsh: {
    start: "zsh --no-rcs -i",
    lines: ["autoload -U compinit; compinit -u -D", "signet() { printf 'RAN:%s:\\n' \"$*\"; }", "source ./completion"],
  },
  fish: {
    start: "fish --no-config -i",
    lines: ["function signet; printf 'RAN:%s:\\n' \"$argv\"; end", "source ./completion"],
  },
};

/**
 * A test that needs a shell, and `script` of util-linux, which gives it a terminal. Without them it is skipped with a
 * notice, and fails in CI.
 */
export function testWith(shell: Shell, title: string, run: Implementation<[]>): void {
  const absent = [shell, "script"].find((name) => findTool(name) === undefined);
  testUnless(absent && `scripts/commands.sh ${absent} says how to get it`, `${shell}: ${title}`, run);
}

/** A folder with the script of a shell in the file `completion`, a file `given-file` and a folder `given-folder`. */
export async function scriptFolder(t: ExecutionContext, shell: Shell): Promise<string> {
  const folder = await tempFolder(t);
  const { code, stdout } = await signet(["completion", shell]);
  t.is(code, 0);
  await writeFile(join(folder, "completion"), stdout);
  await writeFile(join(folder, "given-file"), "");
  await mkdir(join(folder, "given-folder"));
  return folder;
}

/** Types lines into an interactive shell on a terminal, and resolves with the words that `signet` was called with. */
export async function typeInto(shell: Shell, folder: string, lines: readonly string[]): Promise<string[]> {
  const { start, lines: first } = SETUP[shell];
  const output = await run(
    "script",
    ["-qec", start, "/dev/null"],
    folder,
    `${[...first, ...lines, "exit"].join("\n")}\n`,
  );
  return [...output.matchAll(/^RAN:(.*):\r?$/gm)].map(([, words = ""]) => words);
}

/** Programs that print what may follow a line, one word a line, and then a line of hyphens. */
const OFFERS: Readonly<Record<Exclude<Shell, "zsh">, (line: string) => string>> = {
  bash: (line) =>
    `COMP_WORDS=(${line}); COMP_CWORD=$((\${#COMP_WORDS[@]} - 1)); _signet
    printf '%s\\n' "\${COMPREPLY[@]}"; echo ----`,
  fish: (line) => `complete -C '${line}' | string replace -r '\\t.*' ''; echo ----`,
};

/** zsh completes on a terminal alone. What it would add to a line goes to the file `offered`, with the line. */
const RECORD_OFFERS = `unsetopt autolist automenu
compadd() {
  local -a hits
  [[ " $* " == *" -"[OAD]" "* ]] || builtin compadd -A hits "$@"
  for hit in $hits; do print -r -- "$BUFFER|\${hit%=}" >>offered; done
  builtin compadd "$@"
}
`;

/** Resolves with the words that a shell offers at the end of each line. */
export async function offeredIn(shell: Shell, folder: string, lines: readonly string[]): Promise<string[][]> {
  if (shell === "zsh") {
    await writeFile(join(folder, "record"), RECORD_OFFERS);
    await typeInto(shell, folder, ["source ./record", ...lines.map((line) => `${line}\t`)]);
    const offered = (await readFile(join(folder, "offered"), "utf8")).split("\n").map((text) => text.split("|"));
    return lines.map((line) => offered.filter(([typed]) => typed === line).map(([, word = ""]) => word));
  }
  const program = ["source ./completion", ...lines.map(OFFERS[shell])];
  const quiet = shell === "bash" ? "--norc" : "--no-config";
  const printed = await run(shell, [quiet, "-c", program.join("\n")], folder);
  const parts = printed.split("----\n").slice(0, -1);
  return parts.map((part) => part.trim().split("\n"));
}

/** Runs a program in the folder, and resolves with its standard output. */
function run(program: string, words: readonly string[], folder: string, stdin = ""): Promise<string> {
  return new Promise((resolve, reject) => {
    const env = { PATH: process.env.PATH, HOME: folder, TERM: "dumb", LANG: "C.UTF-8" };
    const child = execFile(program, words, { cwd: folder, env, timeout: 3 * HANGS_MS }, (error, stdout) =>
      error === null ? resolve(stdout) : reject(error),
    );
    giveInput(child, stdin);
  });
}
