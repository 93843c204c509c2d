import { execFileSync } from "node:child_process";
import { copyFileSync, cpSync, existsSync, mkdirSync, realpathSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { tempFolder } from "../support/files/temp.ts";
import { findTool } from "../support/service/find-tool.ts";
import type { Ending } from "../support/service/shared.ts";
import { CHECKOUT } from "./dockerfile.ts";
import { CERTIFICATES, layBase, librariesOf } from "./image.ts";

/** What an engine says of an image that it has built, in the format of Docker. */
interface BuiltConfig {
  readonly User: string;
  readonly Env: readonly string[];
  readonly Entrypoint: readonly string[];
  readonly Cmd: readonly string[];
  readonly WorkingDir: string;
  readonly Labels: Readonly<Record<string, string>>;
  readonly Healthcheck: { readonly Test: readonly [kind: string, ...command: string[]] };
}

/** An image in the storage of buildah, and its files in a folder. */
export interface BuiltImage {
  readonly root: string;
  readonly config: BuiltConfig;
}

const BUILD = "localhost/signet-test/build:stand-in";
export const BASE = "localhost/signet-test/base:stand-in";

/**
 * Lets buildah build the Dockerfile. No registry of images is asked: both bases are made of the files of this machine,
 * and are given as the Dockerfile's arguments. `npm ci` takes the packages from the cache of this machine, or else from
 * the registry of npm.
 */
export async function buildWithEngine(t: Ending): Promise<BuiltImage> {
  const storage = await tempFolder(t);
  const run = (...words: string[]) =>
    execFileSync("buildah", [...storageFlags(storage), ...words], { encoding: "utf8", cwd: CHECKOUT, stdio: "pipe" });
  t.teardown(() => run("umount", "--all"));
  for (const [name, lay] of [
    [BUILD, layBuildBase],
    [BASE, layBase],
  ] as const) {
    const root = await tempFolder(t);
    lay(root);
    const container = run("from", "scratch").trim();
    run("copy", "--quiet", container, root, "/");
    run("commit", "--quiet", "--rm", container, name);
  }
  const cache = execFileSync("npm", ["config", "get", "cache"], { encoding: "utf8" }).trim();
  const bases = ["--build-arg", `BUILD=${BUILD}`, "--build-arg", `BASE=${BASE}`];
  const isolated = ["--isolation", "chroot", "--pull-never", "--volume", `${cache}:/root/.npm`];
  run("build", "--quiet", "--format", "docker", ...isolated, ...bases, "--tag", "signet", ".");
  const { Docker } = JSON.parse(run("inspect", "--type", "image", "signet"));
  const root = run("mount", run("from", "--pull-never", "signet").trim()).trim();
  return { root, config: Docker.config };
}

function storageFlags(folder: string): string[] {
  return ["--root", join(folder, "root"), "--runroot", join(folder, "run"), "--storage-driver", "vfs"];
}

/** A shell, Node and npm, with what they need of this machine: as far as the commands of the build stage go. */
function layBuildBase(root: string): void {
  layBase(root);
  mkdirSync(join(root, "root"));
  mkdirSync(join(root, "usr/bin"), { recursive: true });
  mkdirSync(join(root, "bin"));
  symlinkSync("/nodejs/bin/node", join(root, "usr/bin/node"));
  const shell = findTool("dash") ?? "/bin/sh";
  copyFileSync(shell, join(root, "bin/sh"));
  for (const path of librariesOf(shell)) copyTo(root, path);
  const npm = join(realpathSync(findTool("npm") ?? "npm"), "../..");
  cpSync(npm, join(root, "usr/lib/node_modules/npm"), { recursive: true });
  symlinkSync("../lib/node_modules/npm/bin/npm-cli.js", join(root, "usr/bin/npm"));
  copyTo(root, findTool("env") ?? "/usr/bin/env");
  const settings = ["prefer-offline=true", ...(existsSync(CERTIFICATES) ? [`cafile=${CERTIFICATES}`] : [])];
  writeFileSync(join(root, "root/.npmrc"), `${settings.join("\n")}\n`);
}

function copyTo(root: string, path: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  copyFileSync(path, join(root, path));
}
