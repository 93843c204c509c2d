import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { removeStaleSocket } from "../../src/grpc/unix-socket.ts";
import { tempFolder } from "../support/files/temp.ts";
import { startRemote } from "../support/service/remote-service.ts";
import { issue } from "../support/service/service.ts";

/** The path of a socket whose listener was killed. */
async function deadSocket(t: ExecutionContext): Promise<string> {
  const path = join(await tempFolder(t), "s");
  const listen = 'require("node:net").createServer().listen(process.argv[1], () => console.log("listening"))';
  const child = spawn(process.execPath, ["-e", listen, path], { stdio: ["ignore", "pipe", "inherit"] });
  await once(child.stdout, "data");
  child.kill("SIGKILL");
  await once(child, "exit");
  return path;
}

for (const [form, address] of [
  ["unix:/path", (path: string) => `unix:${path}`],
  ["unix:///path", (path: string) => `unix://${path}`],
] as const) {
  test(`a socket at ${form} whose process was killed is removed`, async (t) => {
    const path = await deadSocket(t);
    t.true(existsSync(path));
    await removeStaleSocket(address(path));
    t.false(existsSync(path));
  });
}

test("a socket that answers is left alone", async (t) => {
  const path = join(await tempFolder(t), "s");
  const server = createServer().listen(path);
  t.teardown(() => server.close());
  await once(server, "listening");
  await removeStaleSocket(`unix:${path}`);
  t.true(existsSync(path));
});

test("a file that is not a socket is left alone, and so is the path of an address without a socket", async (t) => {
  const path = join(await tempFolder(t), "s");
  await writeFile(path, "kept");
  await removeStaleSocket(`unix:${path}`);
  t.is(await readFile(path, "utf8"), "kept");
  const socket = await deadSocket(t);
  await removeStaleSocket(socket);
  t.true(existsSync(socket));
});

test("a missing socket is not an error", async (t) => {
  await t.notThrowsAsync(removeStaleSocket(`unix:${join(await tempFolder(t), "s")}`));
  await t.notThrowsAsync(removeStaleSocket("127.0.0.1:0"));
});

test("the service that was killed starts again at its Unix socket", async (t) => {
  const data = await tempFolder(t);
  const options = { data, env: { SIGNET_GRPC_ADDRESS: `unix:${join(data, "s")}` } };
  const first = await startRemote(t, options);
  await first.process.kill9();
  t.true(existsSync(join(data, "s")), "the kill leaves it behind");
  await t.notThrowsAsync(issue(await startRemote(t, options)));
});
