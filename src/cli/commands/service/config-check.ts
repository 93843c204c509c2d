import type { Command } from "commander";
import { stringify } from "yaml";
import type { Config } from "../../../config/config.ts";
import type { Fault } from "../../../schema/fault.ts";
import { EXIT, Failure } from "../../failure.ts";
import { moreHelp } from "../../input/more-help.ts";
import type { Io } from "../../io.ts";
import { loadOrFail, withData } from "../../load-config.ts";
import { type Progress, withProgress } from "../../output/progress.ts";
import { printableJson, redact } from "../../output/safe-text.ts";

/** Tries what a configuration names. An argument, since opening a store is above the command line. */
export type CheckConnections = (
  config: Config,
  now: () => number,
  say: Progress["say"],
) => Promise<{ readonly faults: readonly Fault[]; readonly notes: readonly string[] }>;

interface CheckOptions {
  readonly config?: string;
  readonly data?: string;
  readonly connect?: boolean;
  readonly json?: boolean;
}

export function addConfigCheck(config: Command, io: Io, checkConnections: CheckConnections): void {
  config
    .command("check")
    .description("check the configuration and print the effective one, or every fault with its file and line")
    .option("--config <file>", "the configuration file (SIGNET_CONFIG)")
    .option("--data <dir>", "the data folder (SIGNET_DATA)")
    .option(
      "--connect",
      "also try the certificates, NATS with its permissions, and the keys with their key-encryption key",
    )
    .option("--json", "print the effective configuration as JSON")
    .addHelpText(
      "after",
      moreHelp({
        examples: ["signet config check --config signet.yaml", "signet config check --config signet.yaml --connect"],
        exitCodes: {
          0: "no faults",
          1: "faults",
          2: "wrong usage",
        },
      }),
    )
    .action((options: CheckOptions) => check(options, io, checkConnections));
}

async function check(options: CheckOptions, io: Io, checkConnections: CheckConnections): Promise<void> {
  const config = await loadOrFail(options.config, withData(io.env, options.data), EXIT.negative);
  const { effective, warnings } = config;
  for (const warning of warnings) io.stderr.write(`warning: ${warning}\n`);
  if (options.connect) await connect(config, options, io, checkConnections);
  // The URL of a NATS server may contain a password.
  if (options.json) io.stdout.write(redact(`${printableJson(effective)}\n`));
  else io.stdout.write(redact(`ok\n${stringify(effective)}`));
}

async function connect(
  config: Config,
  options: CheckOptions,
  io: Io,
  checkConnections: CheckConnections,
): Promise<void> {
  const { faults, notes } = await withProgress(io, options, "connecting", (say) =>
    checkConnections(config, io.now, say),
  );
  for (const note of notes) io.stderr.write(redact(`note: ${note}\n`));
  if (faults.length === 0) return;
  throw new Failure({ code: "CONNECT", message: "what the configuration names can't be used", faults }, EXIT.negative);
}
