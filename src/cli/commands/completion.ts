import { basename } from "node:path";
import { Argument, type Command } from "commander";
import type { CommandWords, KnownValues } from "../completion/command-words.ts";
import { moreHelp } from "../input/more-help.ts";
import type { Io } from "../io.ts";

const SHELLS = ["bash", "zsh", "fish"] as const;

export function addCompletion(program: Command, io: Io, everyCommand: () => Promise<Command>): void {
  program
    .command("completion")
    .description("print a script that completes commands, options and values in a shell")
    .addArgument(new Argument("<shell>", "the shell").choices(SHELLS))
    .addHelpText(
      "after",
      moreHelp({
        examples: [
          "source <(signet completion bash)",
          "source <(signet completion zsh)",
          "signet completion fish > ~/.config/fish/completions/signet.fish",
        ],
        notes: [
          "Put the line for bash into ~/.bashrc, and the one for zsh into ~/.zshrc, below compinit. Completing " +
            "starts no process and calls no service, so it offers only the profiles that ship. It needs bash 4, zsh " +
            "5 or fish 3, or newer.",
        ],
        exitCodes: {
          0: "done",
          2: "wrong usage",
        },
      }),
    )
    .action(async (shell: (typeof SHELLS)[number]) => {
      const { commandWords } = await import("../completion/command-words.ts");
      const render = await rendererFor(shell);
      io.stdout.write(render(commandWords(await everyCommand(), await knownValues())));
    });
}

async function rendererFor(shell: (typeof SHELLS)[number]): Promise<(commands: readonly CommandWords[]) => string> {
  switch (shell) {
    case "bash":
      return (await import("../completion/bash.ts")).bashScript;
    case "zsh":
      return (await import("../completion/zsh.ts")).zshScript;
    case "fish":
      return (await import("../completion/fish.ts")).fishScript;
  }
}

/** What options and arguments take that the program leaves to the service or to later checks. */
async function knownValues(): Promise<KnownValues> {
  const { METHODS, PERMISSIONS } = await import("../../access/question.ts");
  const { EVENT_TYPES } = await import("../../audit/event-types.ts");
  const { SHIPPED_PROFILES } = await import("../../config/load-rules.ts");
  const { profileFiles } = await import("../../profile/load.ts");
  return {
    method: METHODS,
    permission: PERMISSIONS,
    type: Object.keys(EVENT_TYPES),
    profile: profileFiles(SHIPPED_PROFILES, []).map((file) => basename(file, ".yaml")),
  };
}
