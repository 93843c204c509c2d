import { execFile, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { text } from "node:stream/consumers";
import { tempFolder } from "../support/files/temp.ts";
import { giveInput } from "../support/give-input.ts";
import { recordShown } from "../support/leaks/record.ts";
import type { Ending } from "../support/service/shared.ts";
import { waitUntil } from "../support/wait-until.ts";
import type { Finished } from "./container.ts";
import type { BuiltImage } from "./engine.ts";

/** The command before crun, which refuses a machine with control groups of both versions: it sees those of version 2. */
const [UNSHARE = "", ...WITH_GROUPS] = [
  ...["unshare", "--mount", "sh", "-ec"],
  ...['mount -t cgroup2 cgroup2 /sys/fs/cgroup\nexec "$@"', "sh", "crun", "--cgroup-manager", "disabled"],
];

/** A container that crun runs. */
export interface RunContainer {
  exec(command: readonly string[], input?: string): Promise<Finished>;
  untilLogged(event: string): Promise<void>;
  /** Sends SIGTERM, as an engine does to stop it. Resolves when it has ended. */
  stop(): Promise<Finished>;
}

/**
 * Runs what the image says, as its user, without capabilities, on a read-only root, in namespaces of its own, one of
 * them for the network. It ends with the test. `data` is mounted at /data.
 */
export async function runImage(t: Ending, image: BuiltImage, data: string): Promise<RunContainer> {
  const bundle = await tempFolder(t);
  writeFileSync(join(bundle, "config.json"), JSON.stringify(specOf(image, data)));
  const id = `signet-test-${randomBytes(4).toString("hex")}`;
  const crun = (...words: string[]) => [...WITH_GROUPS, "--root", join(bundle, "state"), ...words];
  const child = spawn(UNSHARE, crun("run", "--bundle", bundle, id), { stdio: ["ignore", "pipe", "pipe"] });
  const exited = once(child, "close");
  t.teardown(async () => {
    await finish(crun("delete", "--force", id));
    await exited;
  });
  const events: string[] = [];
  for (const output of [child.stdout, child.stderr]) output.on("data", (shown) => recordShown("logs", shown));
  createInterface(child.stdout).on("line", (line) => {
    if (line.startsWith("{")) events.push(JSON.parse(line).event);
  });
  const finished = Promise.all([text(child.stdout), text(child.stderr), exited]).then(([stdout, stderr, [code]]) => ({
    ...{ code, stdout, stderr },
  }));
  const ended = finished.then(({ code, stderr }): never => {
    throw new Error(`the container ended with ${code}: ${stderr}`);
  });
  ended.catch(() => {});
  return {
    exec: (command, input) => finish(crun("exec", id, ...command), input),
    untilLogged: (event) => Promise.race([waitUntil(`the log has ${event}`, () => events.includes(event)), ended]),
    async stop() {
      await finish(crun("kill", id, "TERM"));
      return finished;
    },
  };
}

/** The specification of the Open Container Initiative for a container of the image. */
function specOf({ root, config }: BuiltImage, data: string): object {
  const [uid, gid] = config.User.split(":").map(Number);
  return {
    ociVersion: "1.0.2",
    process: {
      user: { uid, gid },
      args: [...config.Entrypoint, ...config.Cmd],
      env: config.Env,
      cwd: config.WorkingDir,
      capabilities: {},
      noNewPrivileges: true,
    },
    root: { path: root, readonly: true },
    mounts: [
      { destination: "/proc", type: "proc", source: "proc", options: ["nosuid", "nodev", "noexec"] },
      { destination: "/dev", type: "tmpfs", source: "tmpfs", options: ["nosuid", "mode=755"] },
      { destination: "/data", type: "bind", source: data, options: ["rbind", "rw"] },
    ],
    linux: { namespaces: ["pid", "network", "ipc", "uts", "mount"].map((type) => ({ type })) },
  };
}

function finish(words: readonly string[], input = ""): Promise<Finished> {
  return new Promise((resolve) => {
    const child = execFile(UNSHARE, words, { timeout: 60_000 }, (error, stdout, stderr) => {
      recordShown("errors", stderr);
      resolve({ code: error === null ? 0 : Number(error.code ?? -1), stdout, stderr });
    });
    giveInput(child, input);
  });
}
