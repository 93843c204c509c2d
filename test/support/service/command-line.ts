import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { HANGS_MS } from "../bounded.ts";
import { recordShown } from "../leaks/record.ts";
import { processEnv, testEnv } from "./service.ts";

const MAIN = fileURLToPath(new URL("../../../src/main.ts", import.meta.url));

/**
 * Runs `signet` in a process of its own, on a data folder; `under` is a command that runs its arguments. `code` is -1 if
 * it did not end within `boundMs`.
 */
export function signetProcess(
  words: readonly string[],
  {
    data,
    env,
    under = [],
    boundMs = HANGS_MS,
  }: {
    readonly data: string;
    readonly env?: Record<string, string>;
    readonly under?: readonly string[];
    readonly boundMs?: number;
  },
): Promise<{ code: number; stdout: string; stderr: string }> {
  const settings = { ...processEnv(), ...testEnv(data, env) };
  return new Promise((resolve) => {
    const options = { env: settings, timeout: boundMs };
    const [command = "", ...all] = [...under, process.execPath, MAIN, ...words];
    execFile(command, all, options, (error, stdout, stderr) => {
      recordShown("errors", stderr);
      resolve({ code: error === null ? 0 : Number(error.code ?? -1), stdout, stderr });
    });
  });
}
