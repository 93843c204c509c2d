import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { testEnv } from "./service.ts";

const MAIN = fileURLToPath(new URL("../../../src/main.ts", import.meta.url));

/** Runs `signet` in a process of its own, on a data folder. `code` is -1 if it did not end within a minute. */
export function signetProcess(
  words: readonly string[],
  { data, env }: { readonly data: string; readonly env?: Record<string, string> },
): Promise<{ code: number; stdout: string; stderr: string }> {
  const settings = { PATH: process.env.PATH, ...testEnv(data, env) };
  return new Promise((resolve) => {
    const options = { env: settings, timeout: 60_000 };
    execFile(process.execPath, [MAIN, ...words], options, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : Number(error.code ?? -1), stdout, stderr }),
    );
  });
}
