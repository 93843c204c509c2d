import { execFile, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { text } from "node:stream/consumers";
import test, { type Implementation } from "ava";
import { giveInput } from "../support/give-input.ts";
import { recordShown } from "../support/leaks/record.ts";
import type { Machine } from "../support/network/machines.ts";
import { findTool } from "../support/service/find-tool.ts";
import type { LogLine } from "../support/service/service-process.ts";
import type { Ending } from "../support/service/shared.ts";
import { testUnless } from "../support/unless-missing.ts";
import { waitUntil } from "../support/wait-until.ts";
import type { Image } from "./image.ts";

/** What is mounted from the machine, a file or a folder. */
export interface Mount {
  readonly from: string;
  readonly to: string;
  readonly readOnly?: boolean;
}

export interface ContainerOptions {
  readonly machine: Machine;
  /** In place of the image's CMD. */
  readonly words?: readonly string[];
  /** Beside that of the image. */
  readonly environment?: Readonly<Record<string, string>>;
  readonly mounts?: readonly Mount[];
  /** The root file system is read-only unless this is true. */
  readonly isRootWritable?: boolean;
}

export interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Container {
  /** Its first process, which is 1 within the container, as this machine numbers it. */
  readonly pid: number;
  readonly log: readonly LogLine[];
  readonly finished: Promise<Finished>;
  /** Runs a command within it, as `docker exec` and the engine's health check do. */
  exec(command: readonly string[]): Promise<Finished>;
  /** As an engine does, from outside the container. */
  signal(signal: NodeJS.Signals): void;
  untilLogged(event: string): Promise<LogLine>;
}

const missing = findMissing();

/** A test that needs containers. Where they can't be made it is skipped with a notice, and fails in CI. */
export function testContainer(title: string, implementation: Implementation<[]>): void {
  testUnless(missing, title, implementation, { run: test.serial });
}

/**
 * Starts a container as an engine does with `--read-only --cap-drop=ALL --security-opt=no-new-privileges`: in namespaces
 * of its own, with the user, the environment and the command of the Dockerfile. It ends with the test.
 */
export async function startContainer(t: Ending, image: Image, options: ContainerOptions): Promise<Container> {
  const { machine, words = image.dockerfile.command } = options;
  const namespaces = ["unshare", "--mount", "--pid", "--fork"];
  // It waits for a word, so that its first process is known while it lives.
  const mounting = ["sh", "-ec", `read -r word\n${mountScript(image, options)}\nexec "$@" </dev/null`, "sh"];
  const enter = enterCommand(image, options.environment);
  const [command = "", ...rest] = [...machine.under, ...namespaces, ...mounting, ...enter];
  const child = spawn(command, [...rest, ...image.dockerfile.entrypoint, ...words], {
    stdio: "pipe",
  });
  const exited = once(child, "close");
  const pid = await firstProcess(child.pid);
  t.teardown(async () => {
    if (child.exitCode === null && child.signalCode === null) killIfThere(pid);
    await exited;
  });
  giveInput(child, "start\n");
  for (const output of [child.stdout, child.stderr]) output.on("data", (shown) => recordShown("logs", shown));
  const log: LogLine[] = [];
  createInterface(child.stdout).on("line", (line) => {
    if (line.startsWith("{")) log.push(JSON.parse(line));
  });
  const finished = Promise.all([text(child.stdout), text(child.stderr), exited]).then(([stdout, stderr, [code]]) => ({
    ...{ code, stdout, stderr },
  }));
  const ended = finished.then(({ code, stderr }): never => {
    throw new Error(`the container ended with ${code}: ${stderr}`);
  });
  ended.catch(() => {});
  return {
    pid,
    log,
    finished,
    exec(within) {
      const join = ["nsenter", `--target=${pid}`, "--mount", "--pid", "--net"];
      return finish([...join, ...enter, ...within]);
    },
    signal(signal) {
      process.kill(pid, signal);
    },
    untilLogged: async (event) => {
      const find = () => log.find((line) => line.event === event);
      await Promise.race([waitUntil(`the log has ${event}`, () => find() !== undefined), ended]);
      return find() as LogLine;
    },
  };
}

/** Kills a process that may end by itself meanwhile. */
function killIfThere(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

/** The first process in the namespaces that `unshare` makes, by its number outside of them. */
async function firstProcess(unshare: number | undefined): Promise<number> {
  const children = () => readFileSync(`/proc/${unshare}/task/${unshare}/children`, "utf8").trim();
  await waitUntil("the container has a process", () => children() !== "");
  return Number(children());
}

/** Mounts what an engine mounts, and then makes the root read-only. */
function mountScript({ root }: Image, { mounts = [], isRootWritable = false }: ContainerOptions): string {
  for (const { from, to } of mounts) makeMountPoint(from, join(root, to));
  const devices = ["full", "null", "random", "urandom", "zero"].map((name) => `dev/${name}`);
  return [
    `mount --bind ${root} ${root}`,
    `mount -t proc -o nosuid,nodev,noexec proc ${root}/proc`,
    `mount -t tmpfs -o nosuid,mode=755 tmpfs ${root}/dev`,
    ...devices.map((path) => `: >${root}/${path}; mount --bind /${path} ${root}/${path}`),
    ...mounts.flatMap(({ from, to, readOnly = false }) => [
      `mount --bind ${from} ${root}${to}`,
      ...(readOnly ? [`mount -o remount,bind,ro ${root}${to}`] : []),
    ]),
    ...(isRootWritable ? [] : [`mount -o remount,bind,ro ${root}`]),
  ].join("\n");
}

function makeMountPoint(from: string, path: string): void {
  const isFolder = statSync(from).isDirectory();
  mkdirSync(isFolder ? path : dirname(path), { recursive: true });
  if (!isFolder) writeFileSync(path, "", { flag: "a" });
}

/** The command before one that it runs in the image, as its user, without capabilities, and without a way to get any. */
function enterCommand({ root, dockerfile }: Image, environment: Readonly<Record<string, string>> = {}): string[] {
  const [uid, gid] = dockerfile.user.split(":");
  const base = { PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", HOME: "/home/nonroot" };
  const variables = { ...base, ...dockerfile.environment, ...environment };
  // What is kept changes the root, the folder and the user, and goes with the user: setpriv could not do it before.
  const bounding = "--bounding-set=-all,+sys_chroot,+dac_read_search,+setgid,+setuid";
  return [
    ...["env", "-i", ...Object.entries(variables).map(([name, value]) => `${name}=${value}`)],
    ...["setpriv", "--no-new-privs", "--clear-groups", "--inh-caps=-all", "--ambient-caps=-all", bounding],
    ...["unshare", `--root=${root}`, `--wd=${dockerfile.workdir}`, `--setgid=${gid}`, `--setuid=${uid}`],
  ];
}

function finish([command = "", ...words]: readonly string[]): Promise<Finished> {
  return new Promise((resolve) => {
    execFile(command, words, { timeout: 60_000 }, (error, stdout, stderr) => {
      recordShown("errors", stderr);
      resolve({ code: error === null ? 0 : Number(error.code ?? -1), stdout, stderr });
    });
  });
}

/** Why no containers can be made here; undefined if they can. */
function findMissing(): string | undefined {
  for (const tool of ["ip", "ldd", "nsenter", "setpriv", "unshare"])
    if (findTool(tool) === undefined) return `it needs ${tool}`;
  const { status } = spawnSync("unshare", ["--mount", "--pid", "--net", "--fork", "true"], { stdio: "ignore" });
  return status === 0 ? undefined : "this user may make no namespaces";
}
