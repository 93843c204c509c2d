import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as pause } from "node:timers/promises";
import test, { type ExecutionContext } from "ava";
import { readDockerfile } from "../container/dockerfile.ts";
import { HANGS_MS } from "../support/bounded.ts";
import { builtImageTree } from "../support/built-package.ts";
import { tempFolder } from "../support/files/temp.ts";
import { recordShown } from "../support/leaks/record.ts";
import { type Machine, noMachines } from "../support/network/machines.ts";
import { findTool } from "../support/service/find-tool.ts";
import { mountsFail, withMounts } from "../support/service/other-user.ts";
import type { LogLine } from "../support/service/service-process.ts";
import { type Ending, shared } from "../support/service/shared.ts";
import { missingTools } from "../support/service/with-tools.ts";
import { testUnless } from "../support/unless-missing.ts";
import { waitUntil } from "../support/wait-until.ts";
import { fillVolume, makeVolumes, type Secrets } from "./kubelet.ts";
import type { Manifest, PodSpec } from "./rendered.ts";

/** What of the image the Dockerfile says, and what it copies into it. */
const dockerfile = readDockerfile();
const imageTree = shared(test, builtImageTree);

/** What a pod's process finds of this machine. In place of the base of the image these have the libraries of Node. */
const HOST_FOLDERS = ["/usr", "/bin", "/lib", "/lib64", "/dev", "/proc"];

/** A process with the command, environment, user, volumes and root folder of a pod's container. */
export interface Pod {
  readonly log: readonly LogLine[];
  /** What the kernel says of it (`/proc/PID/status`). */
  status(): Promise<string>;
  /** Resolves with the exit code. */
  readonly ended: Promise<number | null>;
  /** Whatever it wrote to standard error. */
  errors(): string;
  /** Whatever it wrote to standard output. */
  said(): string;
  /** Deletes the pod: SIGTERM, and SIGKILL after the grace period. Resolves with the exit code, null after SIGKILL. */
  stop(): Promise<number | null>;
  /** Updates a volume with the ConfigMap or Secret as it is now. */
  update(volume: string, manifests: readonly Manifest[], secrets: Secrets): Promise<void>;
}

export interface Placement {
  readonly name: string;
  readonly machine: Machine;
  readonly manifests: readonly Manifest[];
  readonly secrets: Secrets;
  /** The addresses of names, as DNS has them. */
  readonly hosts: Readonly<Record<string, readonly string[]>>;
  /** The folders of claimed volumes. */
  readonly claims: Readonly<Record<string, string>>;
}

/** A test that runs pods. Where machines, mounts or tools are missing it is skipped with a notice, and fails in CI. */
export function testOnPods(title: string, run: (t: ExecutionContext) => Promise<void>): void {
  testUnless(noMachines ?? mountsFail ?? missingTools(["helm", "nats-server"]), title, run);
}

export async function startPod(t: Ending, pod: PodSpec, placement: Placement): Promise<Pod> {
  const { name, machine, manifests, secrets, hosts, claims } = placement;
  const folders = await makeVolumes(t, pod, manifests, secrets, claims);
  const root = await tempFolder(t);
  const hostsFile = join(await tempFolder(t), "hosts");
  const lines = Object.entries(hosts).flatMap(([host, addresses]) =>
    addresses.map((address) => `${address} ${host}\n`),
  );
  await writeFile(hostsFile, lines.join(""));
  const mounts = withMounts(rootScript(root, pod, { ...folders, hosts: hostsFile, image: await imageTree() }));
  const command = [...machine.under, ...mounts, "chroot", root, ...asUserOf(pod), ...environmentOf(pod, name)];
  const [file = "", ...words] = [...command, ...dockerfile.entrypoint, ...argumentsOf(pod, name)];
  const child = spawn(file, words, { stdio: ["ignore", "pipe", "pipe"] });
  const { log, errors, said } = outputOf(child);
  // "close", so that all is read that it has said.
  const ended = once(child, "close").then(([code]) => code as number | null);
  t.teardown(() => void child.kill("SIGKILL"));
  return {
    log,
    status: () => readFile(`/proc/${child.pid}/status`, "utf8"),
    ended,
    errors: () => errors.join(""),
    said: () => said.join(""),
    async stop() {
      child.kill("SIGTERM");
      const graceMs = pod.terminationGracePeriodSeconds * 1000;
      const late = new AbortController();
      const killed = pause(graceMs, undefined, { signal: late.signal }).then(() => child.kill("SIGKILL"));
      killed.catch(() => {});
      const code = await ended;
      late.abort();
      return code;
    },
    async update(volumeName, newManifests, newSecrets) {
      const volume = pod.volumes?.find((one) => one.name === volumeName);
      const folder = folders[volumeName];
      if (volume === undefined || folder === undefined) throw new Error(`the pod has no volume ${volumeName}`);
      await fillVolume(folder, volume, newManifests, newSecrets, pod.securityContext.fsGroup);
    },
  };
}

/** Resolves when the log of the pod has the event. Rejects with what the pod has said if it ends or takes too long. */
export async function logged(pod: Pod, event: string): Promise<void> {
  const isThere = () => pod.log.some((line) => line.event === event);
  const said = () => `${pod.errors()}${pod.log.map((line) => JSON.stringify(line)).join("\n")}`;
  const ended = pod.ended.then((code) => {
    throw new Error(`the pod ended with ${code}`);
  });
  await Promise.race([waitUntil(`the log has ${event}`, isThere, 3 * HANGS_MS), ended]).catch((cause) => {
    throw new Error(`${cause.message}; the pod said: ${said()}`, { cause });
  });
}

/** Where Node is in the image. */
const [NODE = ""] = dockerfile.entrypoint;

/** A script that makes the root folder of a container, read-only but for the volumes that are not. */
function rootScript(root: string, pod: PodSpec, folders: Readonly<Record<string, string>>): string {
  const shared = HOST_FOLDERS.map((path) => `share ${path}`);
  const volumes = (pod.containers[0].volumeMounts ?? []).map(({ name, mountPath, readOnly }) => {
    const bind = `mkdir -p ${root}${mountPath}; mount --bind ${folders[name]} ${root}${mountPath}`;
    return readOnly ? `${bind}; mount -o remount,bind,ro ${root}${mountPath}` : bind;
  });
  return [
    `share() { if [ -L $1 ]; then cp -a $1 ${root}$1; elif [ -d $1 ]; then mkdir -p ${root}$1; mount --rbind $1 ${root}$1; fi; }`,
    `mount -t tmpfs tmpfs ${root}`,
    ...shared,
    `mkdir ${root}/etc; cp ${folders.hosts} ${root}/etc/hosts`,
    `mkdir -p ${root}/nodejs/bin; touch ${root}${NODE}; mount --bind ${process.execPath} ${root}${NODE}`,
    `mkdir ${root}/signet; mount --bind ${folders.image}/signet ${root}/signet`,
    ...volumes,
    `mount -o remount,ro ${root}`,
  ].join("\n");
}

/** Without capabilities, as `drop: [ALL]` and `allowPrivilegeEscalation: false` leave it. */
function asUserOf({ securityContext: { runAsUser, runAsGroup, fsGroup } }: PodSpec): readonly string[] {
  const ids = [`--reuid=${runAsUser}`, `--regid=${runAsGroup}`, `--groups=${fsGroup}`];
  return [
    findTool("setpriv") ?? "setpriv",
    "--pdeathsig=KILL",
    ...ids,
    "--inh-caps=-all",
    "--bounding-set=-all",
    "--no-new-privs",
  ];
}

function environmentOf({ containers: [{ env = [] }] }: PodSpec, name: string): readonly string[] {
  const ofImage = Object.entries(dockerfile.environment).map(([key, value]) => `${key}=${value}`);
  return ["env", "-i", ...ofImage, ...env.map((one) => `${one.name}=${one.value ?? name}`)];
}

/** The only variable that the arguments name is the name of the pod. */
function argumentsOf({ containers: [{ args }] }: PodSpec, name: string): readonly string[] {
  return args.map((word) => word.replaceAll("$(POD_NAME)", name));
}

function outputOf(child: ChildProcess) {
  const log: LogLine[] = [];
  const [errors, said]: [string[], string[]] = [[], []];
  for (const output of [child.stdout, child.stderr]) output?.on("data", (text) => recordShown("logs", text));
  child.stderr?.on("data", (text) => errors.push(String(text)));
  child.stdout?.on("data", (text) => said.push(String(text)));
  createInterface({ input: child.stdout as NodeJS.ReadableStream }).on("line", (line) => {
    if (line.startsWith("{")) log.push(JSON.parse(line) as LogLine);
  });
  return { log, errors, said };
}
