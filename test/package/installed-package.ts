import { execFile, execFileSync } from "node:child_process";
import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { HANGS_MS } from "../support/bounded.ts";
import { builtPackage } from "../support/built-package.ts";
import { tempFolder } from "../support/files/temp.ts";
import { giveInput } from "../support/give-input.ts";
import type { Ending } from "../support/service/shared.ts";

/** The package, built, packed and installed into an empty folder. */
export interface Installed {
  readonly folder: string;
  /** What was packed. */
  readonly built: string;
  /** Where the tarball was unpacked. */
  readonly root: string;
  readonly tarball: string;
  readonly command: string;
}

/** A package as an operator would install it. */
export async function installPackage(t: Ending): Promise<Installed> {
  const [folder, built] = [await tempFolder(t), await builtPackage(t)];
  npm(folder, "pack", "--silent", built);
  const [name = ""] = readdirSync(folder).filter((file) => file.endsWith(".tgz"));
  const tarball = join(folder, name);
  const root = installTarball(tarball, folder);
  return { folder, built, root, tarball, command: join(folder, "node_modules/.bin/signet") };
}

/** Installs a tarball into a folder that has no other packages, and returns where it was unpacked. */
export function installTarball(tarball: string, folder: string, ...options: readonly string[]): string {
  writeFileSync(join(folder, "package.json"), "{}");
  // What the package depends on is in npm's cache where `npm ci` has run, but npm may ask the registry for its versions.
  npm(folder, "install", "--prefer-offline", "--no-audit", "--no-fund", "--loglevel=error", ...options, tarball);
  return join(folder, "node_modules/@signet-tokens/signet");
}

function npm(folder: string, ...words: readonly string[]): void {
  execFileSync("npm", words, { cwd: folder, stdio: "pipe" });
}

/**
 * Runs a program to its end, with `input`, for at most four minutes, which a compiler may need; `code` is -1 if it did
 * not end by itself.
 */
export function outcomeOf(
  command: string,
  words: readonly string[],
  { cwd, env, input = "" }: { readonly cwd?: string; readonly env?: NodeJS.ProcessEnv; readonly input?: string } = {},
): Promise<{ readonly code: number; readonly stdout: string; readonly stderr: string }> {
  return new Promise((resolve) => {
    const options = { cwd, env: { ...process.env, ...env }, timeout: 4 * HANGS_MS };
    const child = execFile(command, words, options, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : Number(error.code ?? -1), stdout, stderr }),
    );
    giveInput(child, input);
  });
}
