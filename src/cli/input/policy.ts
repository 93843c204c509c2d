import type { Command } from "commander";
import type { Io } from "../io.ts";

/** Where a command takes the policy and the profiles from. */
export interface PolicyOptions {
  readonly config?: string;
  readonly policy?: string;
}

/** Adds the options of the commands that load a policy. */
export function policyOptions(command: Command): Command {
  return command
    .option("--config <file>", "the configuration file (SIGNET_CONFIG)")
    .option("--policy <file>", "the policy (SIGNET_ACCESS_POLICY)");
}

/** The environment in which the configuration names the policy of the options. */
export function withPolicy({ policy }: PolicyOptions, env: Io["env"]): Io["env"] {
  return policy === undefined ? env : { ...env, SIGNET_ACCESS_POLICY: policy };
}
