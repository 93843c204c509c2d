import type { Command } from "commander";
import { stringify } from "yaml";
import { EXIT } from "../../failure.ts";
import { examples } from "../../input/options.ts";
import type { Io } from "../../io.ts";
import { loadOrFail } from "../../load-config.ts";
import { printableJson, redact } from "../../output/safe-text.ts";

interface CheckOptions {
  readonly config?: string;
  readonly json?: boolean;
}

export function addConfigCheck(config: Command, io: Io): void {
  config
    .command("check")
    .description("check the configuration and print the effective one, or every fault with its file and line")
    .option("--config <file>", "the configuration file (SIGNET_CONFIG)")
    .option("--json", "print the effective configuration as JSON")
    .addHelpText(
      "after",
      `${examples("signet config check --config signet.yaml")}\nExit codes: 0 no faults, 1 faults, 2 wrong usage.\n`,
    )
    .action((options: CheckOptions) => check(options, io));
}

async function check(options: CheckOptions, io: Io): Promise<void> {
  const { effective, warnings } = await loadOrFail(options.config, io.env, EXIT.negative);
  for (const warning of warnings) io.stderr.write(`warning: ${warning}\n`);
  // The URL of a NATS server may contain a password.
  if (options.json) io.stdout.write(redact(`${printableJson(effective)}\n`));
  else io.stdout.write(redact(`ok\n${stringify(effective)}`));
}
