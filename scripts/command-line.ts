// Usage: node scripts/command-line.ts
// Writes the part of docs/command-line.md that follows from the program: what --help shows of every command.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Command, Help, type Option } from "commander";
import { leaves, pathOf, wholeProgram } from "./command-line/program.ts";

const PAGE = join(import.meta.dirname, "..", "docs", "command-line.md");
const BEGIN = "<!-- From here to the next such line, make generate writes this page. -->";
const END = "<!-- From here on, this page is written by hand. -->";
/** The heading of the commands that are in no group. */
const SINGLE = "Service and shell";

/** The page with its generated part as the program is now. */
export async function withCommands(page: string): Promise<string> {
  const [before, rest] = page.split(`${BEGIN}\n`);
  const [, after] = rest?.split(END) ?? [];
  if (before === undefined || after === undefined) throw new Error("docs/command-line.md has lost a line with <!--");
  return `${before}${BEGIN}\n\n${commandsOf(await wholeProgram())}\n\n${END}${after}`;
}

function commandsOf(program: Command): string {
  const commands = leaves(program).filter((command) => command.name() !== "help");
  const groups = Map.groupBy(commands, ({ parent }) => (parent === program ? SINGLE : sentence(parent?.description())));
  return [
    "## Options of a call",
    "Commands that call the service share these options:",
    optionTable(commands.find(isCalling)?.options.filter(isShared) ?? []),
    ...[...groups].flatMap(([heading, inner]) => [`## ${heading}`, ...inner.flatMap(section)]),
  ].join("\n\n");
}

/** Whether a command calls the service. */
function isCalling(command: Command): boolean {
  return command.options.some(({ long }) => long === "--timeout");
}

const SHARED = ["--address", "--ca", "--cert", "--key", "--token-file", "--server-name", "--timeout", "--json"];

function isShared({ long }: Option): boolean {
  return SHARED.includes(long ?? "");
}

/** The blocks of a command's section. */
function section(command: Command): string[] {
  const names = command.registeredArguments.map((argument) => {
    const name = argument.name().toUpperCase() + (argument.variadic ? "..." : "");
    return argument.required ? name : `[${name}]`;
  });
  const options = command.options.filter((option) => !(isCalling(command) && isShared(option)));
  const more = isCalling(command) ? " Has the [options of a call](#options-of-a-call), too." : "";
  const { examples, notes, codes } = blocksBelow(command);
  return [
    `### \`${[pathOf(command), ...names].join(" ")}\``,
    prose(`${sentence(command.description())}.${more}`),
    ...(options.length === 0 ? [] : [optionTable(options)]),
    ...notes.map(prose),
    `\`\`\`sh\n${examples.join("\n")}\n\`\`\``,
    prose(`Exit codes: ${codes.join("; ")}.`),
  ];
}

function optionTable(options: readonly Option[]): string {
  const rows = options.map(
    (option) => `| \`${option.flags}\` | ${[...meaning(option)].join("; ").replaceAll("|", "\\|")} |`,
  );
  return ["| option | meaning |", "|---|---|", ...rows].join("\n");
}

function* meaning({ description, mandatory, argChoices, defaultValue, defaultValueDescription }: Option) {
  yield marked(description);
  if (mandatory) yield "required";
  if (argChoices !== undefined) yield `one of ${argChoices.map((choice) => `\`${choice}\``).join(", ")}`;
  if (defaultValue !== undefined && defaultValue !== true)
    yield `by default \`${defaultValueDescription ?? defaultValue}\``;
}

/** The blocks that the help of a command has below its options. */
function blocksBelow(command: Command) {
  let printed = "";
  const writeOut = (text: string) => {
    printed += text;
  };
  command.configureOutput({ writeOut }).outputHelp();
  const blocks = printed.slice(command.helpInformation().length).trim().split("\n\n");
  const linesOf = (heading: string) => {
    const block = blocks.find((text) => text.startsWith(heading));
    if (block === undefined) throw new Error(`the help of ${pathOf(command)} lacks "${heading}"`);
    // A line that was wrapped goes on six columns to the right.
    return block.replaceAll("\n      ", " ").split("\n  ").slice(1);
  };
  return {
    examples: linesOf("Examples:").map((line) => line.replace(/^\$ /, "")),
    notes: blocks.filter((text) => !/^(Examples|Exit codes):/.test(text)).map((text) => text.replaceAll("\n", " ")),
    codes: linesOf("Exit codes:").map((line) => line.replace(/^(\d+) +/, "$1 ")),
  };
}

/** A paragraph in lines, with links to the pages that it names. */
function prose(text: string): string {
  const linked = marked(text).replace(/docs\/(([\w-]+\.md)(#[\w-]*\w)?)/g, "[$2]($1)");
  return new Help().boxWrap(linked, 120);
}

/** Options and variables as code. */
function marked(text: string): string {
  return text.replace(/(?<![\w-])(--[a-z][a-z-]*|SIGNET_[A-Z_]+)/g, "`$1`");
}

function sentence(text = ""): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

if (import.meta.main) writeFileSync(PAGE, await withCommands(readFileSync(PAGE, "utf8")));
