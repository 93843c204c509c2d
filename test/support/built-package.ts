import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, rename } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { HANGS_MS } from "./bounded.ts";
import { tempFolder } from "./files/temp.ts";
import type { Ending } from "./service/shared.ts";
import { waitUntil } from "./wait-until.ts";

const CHECKOUT = join(import.meta.dirname, "..", "..");
const run = promisify(execFile);

/** The folder in which the test files of one `make test` share what they build. Undefined where a test runs by itself. */
const SHARED = process.env.BUILD_FOLDER;

/** The package of this checkout, built by scripts/build.ts, in a folder that all tests share: change nothing in it. */
export function builtPackage(t: Ending): Promise<string> {
  return buildOnce(t, "package", (folder) => buildPackage(folder));
}

/** What the Dockerfile copies into the image, from {@link builtPackage}: the folders `signet` and `data`. */
export function builtImageTree(t: Ending): Promise<string> {
  return buildOnce(t, "image", async (folder) => {
    await run(process.execPath, [join(CHECKOUT, "scripts/image-tree.ts"), folder, await builtPackage(t)]);
  });
}

export async function buildPackage(folder: string): Promise<void> {
  await run(process.execPath, [join(CHECKOUT, "scripts/build.ts"), folder]);
}

/** The first test file that asks builds, and the others wait for it. */
async function buildOnce(t: Ending, name: string, build: (folder: string) => Promise<void>): Promise<string> {
  const folder = join(SHARED ?? (await tempFolder(t)), name);
  const making = `${folder}.making`;
  // Only one of those that ask at once makes the folder.
  const isFirst = await mkdir(making).then(
    () => true,
    () => false,
  );
  if (isFirst) {
    await build(join(making, name));
    await rename(join(making, name), folder);
  } else await waitUntil(`another test file has built ${folder}`, () => existsSync(folder), 4 * HANGS_MS);
  return folder;
}
