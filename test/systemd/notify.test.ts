import { randomBytes } from "node:crypto";
import { chmod, open, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { filesIn } from "../support/files/config-files.ts";
import { tempFolder } from "../support/files/temp.ts";
import { findTool } from "../support/service/find-tool.ts";
import { startRemote, untilLogged } from "../support/service/remote-service.ts";
import { issue } from "../support/service/service.ts";
import { listenAsManager, testWithNotify } from "../support/systemd/notify-socket.ts";
import { waitUntil } from "../support/wait-until.ts";

const has = (log: readonly { readonly event: string }[], event: string) => log.some((line) => line.event === event);

/** A folder with a `systemd-notify` that does what the lines say, before all others on the path. */
async function pathWith(t: ExecutionContext, lines: string): Promise<string> {
  const folder = await filesIn(t, { "systemd-notify": `#!/bin/sh\n${lines}\n` });
  await chmod(join(folder, "systemd-notify"), 0o755);
  return `${folder}:${process.env.PATH}`;
}

testWithNotify("a service tells its manager of start, signs of life, reload and stop, in this order", async (t) => {
  const { path, messages } = await listenAsManager(t);
  const env = { NOTIFY_SOCKET: path, WATCHDOG_USEC: "300000", SIGNET_SHUTDOWN_GRACE: "20s" };
  const service = await startRemote(t, { env });
  const told = (name: string) => messages.findIndex((fields) => name in fields);
  await waitUntil("it gives signs of life", () => told("WATCHDOG") >= 0 && told("READY") >= 0);
  t.deepEqual(messages[told("READY")], { READY: "1", STATUS: "Ready" });

  await service.app.reload();
  await untilLogged(service, (log) => has(log, "reloaded"));
  await service.process.stop();
  const [start, ...later] = messages.filter((fields) => !("WATCHDOG" in fields));
  t.deepEqual(start, { READY: "1", STATUS: "Ready" });
  t.like(later[0], { RELOADING: "1", STATUS: "Reloading" });
  t.deepEqual(later.slice(1), [
    { READY: "1", STATUS: "Ready" },
    { STOPPING: "1", STATUS: "Stopping: SIGTERM", EXTEND_TIMEOUT_USEC: "31000000" },
  ]);
  t.false(has(service.process.log, "manager.failed"));
});

/** A file with a KEK, in a folder of its own. */
async function kekFile(t: ExecutionContext): Promise<string> {
  const path = join(await tempFolder(t), "kek");
  await writeFile(path, randomBytes(32).toString("base64url"), { mode: 0o600 });
  return path;
}

testWithNotify("a replica that waits for NATS is ready, and tells what it waits for", async (t) => {
  const { path, messages } = await listenAsManager(t);
  const shared = {
    SIGNET_STATE_STORE: "nats",
    SIGNET_NATS_URL: "nats://127.0.0.1:1",
    SIGNET_KEK_FILE: await kekFile(t),
  };
  await startRemote(t, { env: { NOTIFY_SOCKET: path, ...shared }, until: "listening" });
  await waitUntil("it is told", () => messages.some(({ STATUS }) => STATUS?.startsWith("Waits for: ")));
  t.true(messages.some(({ READY }) => READY === "1"));
});

testWithNotify(
  "what tells the manager gets no variable but its socket and the path, and no file of the service",
  async (t) => {
    const { path } = await listenAsManager(t);
    const seen = await tempFolder(t);
    const real = findTool("systemd-notify");
    const PATH = await pathWith(t, `env > ${seen}/$$.env; ls -l /proc/$$/fd > ${seen}/$$.files\nexec ${real} "$@"`);
    const kek = await kekFile(t);
    const file = await open(kek, "r");
    const env = { PATH, NOTIFY_SOCKET: path, SIGNET_KEK_FILE: "fd:3", A_SECRET: "not for others" };
    const service = await startRemote(t, { env, fd: file.fd });
    await service.process.stop();
    await file.close();
    const names = await readdir(seen);
    t.is(names.length, 4, "it was told of the start and of the stop");
    for (const name of names) {
      const text = await readFile(join(seen, name), "utf8");
      // PWD is the shell's own.
      const variables = text
        .trim()
        .split("\n")
        .filter((line) => !/^(PWD|_)=/.test(line));
      if (name.endsWith(".env")) t.deepEqual(variables.sort(), [`NOTIFY_SOCKET=${path}`, `PATH=${PATH}`]);
      else for (const secret of [kek, service.data]) t.false(text.includes(secret), text);
    }
  },
);

test("a manager that can't be told is logged, and changes nothing", async (t) => {
  const PATH = await pathWith(t, "echo 'no such manager' >&2; exit 3");
  const service = await startRemote(t, { env: { PATH, NOTIFY_SOCKET: "/nowhere" } });
  await untilLogged(service, (log) => has(log, "manager.failed"));
  const error = { code: 3, message: "Command failed: systemd-notify READY=1 STATUS=Ready\nno such manager\n" };
  t.like(
    service.process.log.find(({ event }) => event === "manager.failed"),
    { level: "warn", error },
  );
  await issue(service);
  t.is(await service.process.stop(), 0);
});

test("without a manager nothing is run", async (t) => {
  const ran = join(await tempFolder(t), "ran");
  const PATH = await pathWith(t, `touch ${ran}`);
  const service = await startRemote(t, { env: { PATH, WATCHDOG_USEC: "100000" } });
  await service.process.stop();
  await t.throwsAsync(readFile(ran), { code: "ENOENT" });
});
