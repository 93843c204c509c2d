import type { Config } from "../config/config.ts";
import { ConfigError } from "../schema/fault.ts";
import { Failure } from "./failure.ts";
import type { Io } from "./io.ts";

/** The environment of a command with `--data`, which overrides SIGNET_DATA. */
export function withData(env: Io["env"], data: string | undefined): Io["env"] {
  return data === undefined ? env : { ...env, SIGNET_DATA: data };
}

/**
 * Loads the configuration file of `--config`, else of SIGNET_CONFIG.
 *
 * @throws Failure with all faults of the configuration and with `exitCode`
 */
export async function loadOrFail(file: string | undefined, env: Io["env"], exitCode: number): Promise<Config> {
  // Imported late: commands that only call the service start faster without the configuration schema.
  const { loadConfig } = await import("../config/load.ts");
  const path = file ?? env.SIGNET_CONFIG;
  try {
    return loadConfig(path === undefined ? { env } : { file: path, env });
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const report = { code: "CONFIG", message: "the configuration has faults", faults: error.faults };
    throw new Failure(report, exitCode, { cause: error });
  }
}
