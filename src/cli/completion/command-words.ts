import type { Argument, Command, Option } from "commander";

/** What may stand in one place of a command line. "text" is what a shell can't know. */
export type Values = readonly string[] | "file" | "folder" | "text";

export interface OptionWords {
  /** With its hyphens: "--profile". */
  readonly long: string;
  readonly short: string | undefined;
  readonly description: string;
  /** Undefined for a flag. */
  readonly values: Values | undefined;
  readonly isVariadic: boolean;
}

/** The words that may follow a command: its commands, or else its options and arguments. */
export interface CommandWords {
  /** The names of the groups and of the command: ["keys", "import"]; empty for the program. */
  readonly path: readonly string[];
  readonly commands: readonly { readonly name: string; readonly description: string }[];
  readonly options: readonly OptionWords[];
  readonly args: readonly { readonly name: string; readonly values: Values; readonly isVariadic: boolean }[];
}

/** Values that the program does not declare as choices, by the name of a value: "profile" of `--profile <profile>`. */
export type KnownValues = Readonly<Record<string, readonly string[]>>;

const HELP: OptionWords = {
  long: "--help",
  short: "-h",
  description: "show the help of a command",
  values: undefined,
  isVariadic: false,
};

/** The words of the program and of every command, for a script that completes them. */
export function commandWords(program: Command, known: KnownValues): CommandWords[] {
  const all = wordsBelow(program, [], known).filter(({ path }) => path[0] !== "help");
  return [...all, ...all.filter(({ commands }) => commands.length > 0).map(helpOf)];
}

function wordsBelow(command: Command, path: readonly string[], known: KnownValues): CommandWords[] {
  const own = {
    path,
    commands: command.commands.map((inner) => ({ name: inner.name(), description: inner.description() })),
    options: [...command.options.map((option) => optionWords(option, known)), HELP],
    args: command.registeredArguments.map((argument) => ({
      name: argument.name(),
      values: valuesOf(argument, argument.name(), known),
      isVariadic: argument.variadic,
    })),
  };
  return [own, ...command.commands.flatMap((inner) => wordsBelow(inner, [...path, inner.name()], known))];
}

/** `signet help keys` is followed by what may follow `signet keys`. */
function helpOf({ path, commands }: CommandWords): CommandWords {
  const others = commands.filter(({ name }) => name !== "help");
  return { path: ["help", ...path], commands: others, options: [], args: [] };
}

function optionWords(option: Option, known: KnownValues): OptionWords {
  const [, value] = /<([^>.]*)/.exec(option.flags) ?? [];
  return {
    long: option.long ?? "",
    short: option.short,
    description: option.description,
    values: value === undefined ? undefined : valuesOf(option, value, known),
    isVariadic: option.variadic,
  };
}

function valuesOf({ argChoices }: Option | Argument, name: string, known: KnownValues): Values {
  if (argChoices !== undefined) return argChoices;
  if (Object.hasOwn(known, name)) return known[name] ?? [];
  if (name === "dir") return "folder";
  return name === "file" ? "file" : "text";
}
