import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { processEnv, testEnv } from "./service.ts";

const MAIN = fileURLToPath(new URL("../../../src/main.ts", import.meta.url));

/**
 * Runs `signet` in a process of its own, on a data folder; `under` is a command that runs its arguments. `code` is -1 if
 * it did not end within a minute.
 */
export function signetProcess(
  words: readonly string[],
  {
    data,
    env,
    under = [],
  }: { readonly data: string; readonly env?: Record<string, string>; readonly under?: readonly string[] },
): Promise<{ code: number; stdout: string; stderr: string }> {
  const settings = { ...processEnv(), ...testEnv(data, env) };
  return new Promise((resolve) => {
    const options = { env: settings, timeout: 60_000 };
    const [command = "", ...all] = [...under, process.execPath, MAIN, ...words];
    execFile(command, all, options, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : Number(error.code ?? -1), stdout, stderr }),
    );
  });
}
