import { spawnSync } from "node:child_process";
import { chownSync, mkdirSync } from "node:fs";
import { chmod, chown, lchown, lstat, readdir } from "node:fs/promises";
import { join } from "node:path";
import test, { type ExecutionContext, type Implementation } from "ava";
import { tempFolder } from "../files/temp.ts";
import { testUnless } from "../unless-missing.ts";
import { findTool } from "./find-tool.ts";

/** A user who is not root, as a container of Kubernetes has. */
export const USER = 65_534;
/** The `fsGroup` of a pod: a group of the user beside its own. */
export const FS_GROUP = 2_000;

const setpriv = findTool("setpriv") ?? "setpriv";
const ownCache = cacheOfUser();
const missing = whyNotAsUser();
/** Why no test can run as another user who sees other mounts; undefined if it can. */
export const mountsFail =
  missing ?? (run(["unshare", "--mount", "true"]) ? undefined : "this machine allows no mounts");

/** A test that runs the service as {@link USER}. Where that can't be done it is skipped with a notice, and fails in CI. */
export const testAsUser = register(missing);

/** As {@link testAsUser}, for a test that mounts file systems, too. */
export const testWithMounts = register(mountsFail);

/** A new folder that belongs to {@link USER}, removed after the test. */
export async function userFolder(t: ExecutionContext<unknown>): Promise<string> {
  const folder = await tempFolder(t);
  await chown(folder, USER, USER);
  return folder;
}

/** The command before a command that runs it as {@link USER}, in its own group and in `groups`. */
export function asUser(groups: readonly number[] = []): readonly string[] {
  const others = groups.length === 0 ? ["--clear-groups"] : [`--groups=${groups.join(",")}`];
  return [setpriv, `--reuid=${USER}`, `--regid=${USER}`, ...others, ...ownCache];
}

/** The command before a command that runs it with this umask. */
export function withUmask(umask: string): readonly string[] {
  return ["sh", "-c", `umask ${umask}; exec "$@"`, "sh"];
}

/** The command before a command that runs it where `script` has mounted what only that command sees. */
export function withMounts(script: string): readonly string[] {
  return ["unshare", "--mount", "sh", "-ec", `${script}\nexec "$@"`, "sh"];
}

/** A script for {@link withMounts}: the folder is read-only. */
export function readOnly(folder: string): string {
  return `mount --bind ${folder} ${folder}; mount -o remount,bind,ro ${folder}`;
}

/**
 * What kubelet does to a volume with `fsGroup` before each start (SetVolumeOwnership): everything belongs to the group,
 * which may read and write it, or only read it; new files in each folder belong to it, too.
 */
export async function kubeletWalk(path: string, mayWrite = true, group = FS_GROUP): Promise<void> {
  const stats = await lstat(path);
  await lchown(path, stats.uid, group);
  if (stats.isSymbolicLink()) return;
  const access = mayWrite ? 0o660 : 0o440;
  await chmod(path, (stats.mode & 0o7777) | (stats.isDirectory() ? access | 0o2110 : access));
  if (stats.isDirectory()) for (const name of await readdir(path)) await kubeletWalk(join(path, name), mayWrite, group);
}

/** The mode of every path in a folder, by its name within the folder. */
export async function modesIn(folder: string): Promise<Record<string, string>> {
  const names = await readdir(folder, { recursive: true });
  const modeOf = async (name: string) => [name, ((await lstat(join(folder, name))).mode & 0o7777).toString(8)] as const;
  return Object.fromEntries(await Promise.all(names.sort().map(modeOf)));
}

/** Sets the cache of compiled sources: {@link USER} can't write to the one of root. */
function cacheOfUser(): readonly string[] {
  const { NODE_COMPILE_CACHE } = process.env;
  if (NODE_COMPILE_CACHE === undefined || process.getuid?.() !== 0) return [];
  const folder = `${NODE_COMPILE_CACHE}-${USER}`;
  mkdirSync(folder, { recursive: true });
  chownSync(folder, USER, USER);
  return ["env", `NODE_COMPILE_CACHE=${folder}`];
}

function whyNotAsUser(): string | undefined {
  if (process.getuid?.() !== 0) return "only root can become another user";
  if (!run([...asUser(), "true"])) return "setpriv can't be used";
  const readable = run([...asUser(), process.execPath, "--version"]) && run([...asUser(), "ls", import.meta.filename]);
  return readable ? undefined : `uid ${USER} can't read this checkout`;
}

function run([command = "", ...words]: readonly string[]): boolean {
  return spawnSync(command, words, { stdio: "ignore" }).status === 0;
}

function register(reason: string | undefined) {
  return (title: string, implementation: Implementation<[]>): void =>
    testUnless(reason, title, implementation, { run: test.serial });
}
