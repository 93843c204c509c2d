import { Command, InvalidArgumentError, type Option } from "commander";
import { usageError } from "./failure.ts";

/** Faults after which the rest of a command line can still be checked. */
const COLLECTED = new Set([
  "commander.conflictingOption",
  "commander.excessArguments",
  "commander.missingArgument",
  "commander.missingMandatoryOptionValue",
  "commander.unknownOption",
]);

/** A command that reports all faults of its command line together, where commander stops at the first. */
export class StrictCommand extends Command {
  readonly #faults: string[] = [];
  /** The first unknown option and what follows it, without known options. */
  #unknown: readonly string[] = [];

  constructor(name?: string) {
    super(name);
    const stop = this.error.bind(this);
    // Commander goes on with its other checks when this returns, and reaches the hook only after all of them.
    const collect = (message: string, options?: { code?: string }) => {
      const fault = { message, code: options?.code ?? "" };
      if (this.commands.length > 0 || !COLLECTED.has(fault.code)) stop(message, options);
      this.#faults.push(...this.#worded(fault));
    };
    this.error = collect as Command["error"];
    this.hook("preAction", () => {
      if (this.#faults.length > 0) throw usageError(this.#faults.join("; ").replaceAll(".; ", "; "));
    });
  }

  override createCommand(name?: string): Command {
    return new StrictCommand(name);
  }

  override parseOptions(words: string[]): ReturnType<Command["parseOptions"]> {
    const parsed = super.parseOptions(words);
    const end = parsed.unknown.indexOf("--");
    this.#unknown = end === -1 ? parsed.unknown : parsed.unknown.slice(0, end);
    return parsed;
  }

  override addOption(option: Option): this {
    const { parseArg } = option;
    if (parseArg !== undefined)
      option.parseArg = (value, previous) => {
        try {
          return parseArg(value, previous);
        } catch (error) {
          if (!(error instanceof InvalidArgumentError)) throw error;
          this.#faults.push(`option '${option.flags}' argument '${value}' is invalid. ${error.message}`);
          return previous;
        }
      };
    super.addOption(option);
    if (option.required || option.optional) this.#refuseSecond(option);
    return this;
  }

  /** Of two values one would be ignored. What collects its values has a list of them. */
  #refuseSecond(option: Option): void {
    let given = 0;
    this.on(`option:${option.name()}`, () => {
      const value: unknown = this.getOptionValue(option.attributeName());
      given += 1;
      if (given === 2 && value !== undefined && !Array.isArray(value))
        this.#faults.push(`option '${option.flags}' is given more than once`);
    });
  }

  #worded(fault: { readonly code: string; readonly message: string }): string[] {
    const [first, ...more] = this.#unknown;
    if (fault.code === "commander.unknownOption") {
      const others = more.filter(isOptionName).map((word) => ({ ...fault, message: `unknown option '${word}'` }));
      return [fault, ...others].map(usageText);
    }
    // Commander takes what follows an unknown option for more options: it can't count the arguments.
    const isCount = fault.code === "commander.missingArgument" || fault.code === "commander.excessArguments";
    if (isCount && first !== undefined) return [];
    return [usageText(fault) + (fault.code === "commander.missingArgument" ? this.#takenHint() : "")];
  }

  /** Where the missing argument may have gone: `check --replace hivekit FOLDER` gives two values to the option. */
  #takenHint(): string {
    const greedy = this.options.find((option) => option.variadic && this.getOptionValue(option.attributeName()));
    return greedy === undefined ? "" : `: ${greedy.long} takes all words after it, so it goes last, or before --`;
  }
}

/** Whether a word may be repeated. Not any word with a hyphen: it may be a secret, which begins with one by chance. */
function isOptionName(word: string): boolean {
  return /^(--[a-z]+([-_][a-z]+)*(=|$)|-[a-z]$)/i.test(word);
}

/** The text of commander's error without the values that it repeats, which may be tokens or personal data. */
export function usageText({ code, message }: { readonly code: string; readonly message: string }): string {
  const text = message.replace(/^error: /, "").replaceAll("\n", " ");
  if (code === "commander.excessArguments") return text.replace(/(but got \d+): .*$/s, "$1");
  if (code !== "commander.unknownOption") return text;
  const [, word = ""] = /^unknown option '(.*?)'/s.exec(text) ?? [];
  if (!isOptionName(word)) return "unknown option; a value that begins with - goes last, after --";
  return text.replace(/^(unknown option '[^=]*)=.*'/s, "$1'");
}
