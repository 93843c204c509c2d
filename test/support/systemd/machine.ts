import { execFile, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import test, { type Implementation } from "ava";
import { HANGS_MS } from "../bounded.ts";
import { tempFolder } from "../files/temp.ts";
import { findTool } from "../service/find-tool.ts";
import type { Ending } from "../service/shared.ts";
import { missingTools } from "../service/with-tools.ts";
import { testUnless } from "../unless-missing.ts";
import { waitUntil } from "../wait-until.ts";

/** A systemd with everything that it starts. It sees the files of this machine, and what it writes goes with it. */
export interface Machine {
  /** A folder of this machine, which is /shared there. */
  readonly shared: string;
  /** Runs the lines by a shell there, as root. Standard output and standard error are in one text. */
  run(lines: string): Promise<{ readonly code: number; readonly output: string }>;
}

const BOOT = join(import.meta.dirname, "boot.sh");
const SYSTEMD = "/lib/systemd/systemd";
const missing = whyNot();

/** A test that boots a systemd. Where it, or a tool, is missing the test is skipped with a notice, and fails in CI. */
export function testWithSystemd(
  title: string,
  implementation: Implementation<[]>,
  tools: readonly string[] = [],
): void {
  testUnless(missing ?? missingTools(tools), title, implementation, { run: test.serial });
}

/** Boots a systemd, which ends with the test. */
export async function bootMachine(t: Ending): Promise<Machine> {
  const base = await tempFolder(t);
  const shared = join(base, "shared");
  for (const folder of [shared, join(base, "root")]) await mkdir(folder);
  const words = ["--mount", "--propagation", "private", "sh", BOOT, base, process.execPath];
  const booting = spawn("unshare", words, { stdio: ["ignore", "ignore", "pipe"] });
  const errors: string[] = [];
  booting.stderr.on("data", (text) => errors.push(String(text)));
  t.teardown(async () => {
    const exited = once(booting, "exit");
    if (booting.exitCode === null && booting.kill("SIGKILL")) await exited;
    // The processes of the machine end a moment later.
    await waitUntil("the control groups are removed", () => removeGroup(booting.pid));
  });
  const run: Machine["run"] = (lines) => {
    const inside = ["--target", String(systemdOf(booting.pid)), "--all", "sh", "-c", `exec 2>&1\n${lines}`];
    return new Promise((resolve) =>
      execFile("nsenter", inside, (error, output) => {
        resolve({ code: error === null ? 0 : Number(error.code ?? 1), output });
      }),
    );
  };
  await waitUntil(
    "systemd has booted",
    async () => {
      if (booting.exitCode !== null) throw new Error(`systemd did not boot: ${errors.join("")}`);
      return systemdOf(booting.pid) !== undefined && (await run("systemctl is-system-running")).code === 0;
    },
    3 * HANGS_MS,
  );
  return { shared, run };
}

/** The id of systemd here, where it is the child of what booted it. */
function systemdOf(pid: number | undefined): number | undefined {
  const [child] = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").split(" ");
  return child ? Number(child) : undefined;
}

/** Removes the control groups that boot.sh has made. Answers whether no process was left in them. */
function removeGroup(pid: number | undefined): boolean {
  const group = `/sys/fs/cgroup/signet-${pid}`;
  const lines = `mount -t cgroup2 cgroup2 /sys/fs/cgroup
    find ${group} -depth -type d -exec rmdir {} ";"
    ! [ -e ${group} ]`;
  return spawnSync("unshare", ["--mount", "--propagation", "private", "sh", "-c", lines]).status === 0;
}

function whyNot(): string | undefined {
  if (process.getuid?.() !== 0) return "only root can boot a systemd";
  if (!existsSync(SYSTEMD)) return "Debian's package systemd is not installed";
  for (const tool of ["unshare", "nsenter", "ip", "systemctl", "systemd-notify"])
    if (findTool(tool) === undefined) return `it needs ${tool}`;
  const mounts = `mount -t cgroup2 cgroup2 /sys/fs/cgroup && mount -t tmpfs tmpfs /mnt && mkdir /mnt/upper /mnt/work &&
    mount -t overlay overlay -o lowerdir=/,upperdir=/mnt/upper,workdir=/mnt/work /mnt`;
  const { status } = spawnSync("unshare", ["--mount", "--propagation", "private", "sh", "-c", mounts]);
  return status === 0 ? undefined : "this machine allows no control groups or no overlay";
}
