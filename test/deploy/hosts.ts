import { execFile, spawn } from "node:child_process";
import { randomInt } from "node:crypto";
import { once } from "node:events";
import { globSync } from "node:fs";
import { chmod, copyFile, mkdir, readFile, symlink, writeFile } from "node:fs/promises";
import { basename, delimiter, dirname, join } from "node:path";
import { text } from "node:stream/consumers";
import { promisify } from "node:util";
import packageJson from "../../package.json" with { type: "json" };
import { builtPackage } from "../support/built-package.ts";
import { tempFolder } from "../support/files/temp.ts";
import { giveInput } from "../support/give-input.ts";
import { findTool } from "../support/service/find-tool.ts";
import type { Ending } from "../support/service/shared.ts";

const CHECKOUT = join(import.meta.dirname, "..", "..");

/** As `npm pack` names the package of this checkout. */
const TARBALL = `signet-tokens-signet-${packageJson.version}.tgz`;

/** The group of the services, where the test may give files away. None of its processes is in it: `nogroup`. */
const GROUP = "65534";

/** The folders of a host that are mapped below its root. */
const FOLDERS = /(?<=^|[\s"'=:,(])\/(?=(?:usr\/lib|usr\/local|etc|var\/lib)\b)/gm;

type HostName = number | "operator";

/** Where hosts are on the network. */
interface Place {
  /** The first three numbers of their addresses. */
  readonly network: string;
  /** The command that runs the words after it where a host is. */
  under(host: HostName): readonly string[];
}

/** Hosts that have a folder for their root and an address of their own, and are otherwise this machine. */
export interface Hosts {
  /** Has a folder for each host, its root. The stand-ins for commands leave here what they were given. */
  readonly folder: string;
  /**
   * Runs lines of a page as root of a host, or on the operator's machine, in a home folder that has the package. The
   * shell ends at the first failure; the output then has the end of the services' logs.
   */
  run(host: HostName, lines: string): Promise<{ readonly code: number | null; readonly output: string }>;
}

/** The packed package of this checkout, as `npm pack` names it and its folder. */
export async function packedPackage(t: Ending): Promise<string> {
  const archive = join(await tempFolder(t), TARBALL);
  const built = await builtPackage(t);
  await promisify(execFile)("tar", ["-czf", archive, "-C", dirname(built), basename(built)]);
  return archive;
}

/** Hosts on which nothing is installed, by default on loopback. What was started on them is killed after the test. */
export async function emptyHosts(t: Ending, archive: string, place = onLoopback()): Promise<Hosts> {
  const folder = await tempFolder(t);
  const commands = await standIns(folder);
  t.teardown(() => endServices(folder));

  async function rootOf(host: HostName): Promise<string> {
    const root = join(folder, String(host));
    if ((await mkdir(join(root, "usr", "local", "bin"), { recursive: true })) === undefined) return root;
    for (const path of ["root", "etc/systemd/system", "var/lib", "run"])
      await mkdir(join(root, path), { recursive: true });
    await copyFile(archive, join(root, "root", TARBALL));
    const nats = findTool("nats-server");
    if (nats !== undefined) await symlink(nats, join(root, "usr", "local", "bin", "nats-server"));
    return root;
  }

  return {
    folder,
    async run(host, lines) {
      const root = await rootOf(host);
      const script = lines
        .replaceAll(/192\.0\.2(?=\.)/g, place.network)
        .replaceAll(FOLDERS, `${root}/`)
        // A busy machine takes longer than the hosts of the page.
        .replaceAll(/(?<=--wait )\d+s/g, "240s")
        .replaceAll(/^n=1$/gm, `n=${host}`);
      const PATH = [commands, join(root, "usr", "local", "bin"), dirname(process.execPath), process.env.PATH];
      const env = { PATH: PATH.join(delimiter), HOME: join(root, "root"), ROOT: root, HOSTS: folder, CHECKOUT, GROUP };
      const limited = ["timeout", "--kill-after=5", "280", "bash", "-euo", "pipefail"];
      const [command = "", ...words] = [...place.under(host), ...limited];
      const shell = spawn(command, words, { cwd: env.HOME, env, stdio: ["pipe", "pipe", "inherit"] });
      const ended = once(shell, "exit");
      giveInput(shell, `exec 2>&1\numask 022\n${script}`);
      const output = await text(shell.stdout);
      const [code] = await ended;
      return { code, output: code === 0 ? output : `${output}${await endOfLogs(root)}` };
    },
  };
}

/** The hosts have the ports of the page, so each set of hosts has a network of its own. */
function onLoopback(): Place {
  return { network: `127.${randomInt(1, 255)}.${randomInt(0, 255)}`, under: () => [] };
}

/** A folder of commands in place of those that would change this machine, or need another one. */
async function standIns(folder: string): Promise<string> {
  const bin = join(folder, "bin");
  await mkdir(bin);
  const scripts = ["systemctl", "helm", "kubectl", "chgrp"];
  for (const name of scripts) await copyFile(join(import.meta.dirname, `${name}.sh`), join(bin, name));
  await symlink("chgrp", join(bin, "chown"));
  // No users are made, and there is neither an image nor a registry.
  const idle = ["systemd-sysusers", "make", "docker"];
  for (const name of idle) await writeFile(join(bin, name), "#!/bin/sh\n");
  // scp -rq SOURCE root@ADDRESS: the last number of the address is that of the host.
  await writeFile(
    join(bin, "scp"),
    `#!/bin/sh\nhost=\${3##*.}\nmkdir -p "$HOSTS/\${host%:}/root" && cp -r "$2" "$HOSTS/\${host%:}/root"\n`,
  );
  for (const name of [...scripts, ...idle, "scp"]) await chmod(join(bin, name), 0o755);
  return bin;
}

/** The last lines that the services of a host have logged. */
async function endOfLogs(root: string): Promise<string> {
  const logs = globSync(join(root, "run", "*.log"));
  const texts = await Promise.all(logs.map((log) => readFile(log, "utf8")));
  return texts.flatMap((log) => log.trimEnd().split("\n").slice(-10)).join("\n");
}

async function endServices(folder: string): Promise<void> {
  for (const file of globSync(join(folder, "*", "run", "*.pid"))) {
    try {
      process.kill(Number(await readFile(file, "utf8")), "SIGKILL");
    } catch {
      // It has ended by itself.
    }
  }
}
