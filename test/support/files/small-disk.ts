import { spawnSync } from "node:child_process";
import { mkdtempSync, rmdirSync } from "node:fs";
import { statfs, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ExecutionContext, Implementation } from "ava";
import { testUnless } from "../unless-missing.ts";
import { tempFolder } from "./temp.ts";

const missing = mayMount() ? undefined : "this user may mount no file systems";

/** A test that mounts a file system. Where this process may not, it is skipped with a notice, and fails in CI. */
export function testWithSmallDisk(title: string, implementation: Implementation<[]>): void {
  testUnless(missing, title, implementation);
}

function mayMount(): boolean {
  const folder = mkdtempSync(join(tmpdir(), "signet-test-"));
  const mounted = mountTmpfs(folder, 1 << 20);
  if (mounted) unmount(folder);
  rmdirSync(folder);
  return mounted;
}

/** A folder on a file system of its own, of that many bytes, in memory. It is unmounted after the test. */
export async function smallDisk(t: Pick<ExecutionContext<unknown>, "teardown">, bytes: number): Promise<string> {
  const folder = await tempFolder(t);
  mountSmallDisk(t, folder, bytes);
  return folder;
}

/** Mounts such a file system over a folder, until the test ends or the result is called. */
export function mountSmallDisk(
  t: Pick<ExecutionContext<unknown>, "teardown">,
  folder: string,
  bytes: number,
): () => void {
  if (!mountTmpfs(folder, bytes)) throw new Error("tmpfs can't be mounted");
  const end = () => unmount(folder);
  t.teardown(end);
  return end;
}

/** Writes a file that takes the rest of the file system, and returns its path. */
export async function fillDisk(folder: string): Promise<string> {
  const { bavail, bsize } = await statfs(folder);
  const path = join(folder, "filler");
  await writeFile(path, Buffer.alloc(bavail * bsize)).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "ENOSPC") throw error;
  });
  return path;
}

function mountTmpfs(folder: string, bytes: number): boolean {
  return spawnSync("mount", ["-t", "tmpfs", "-o", `size=${bytes},mode=700`, "tmpfs", folder]).status === 0;
}

/** Lazily: a file that is still open must not keep it mounted. */
function unmount(folder: string): void {
  spawnSync("umount", ["-l", folder]);
}
