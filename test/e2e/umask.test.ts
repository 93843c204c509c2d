import { chmod, mkdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import test, { type ExecutionContext } from "ava";
import { tempFolder } from "../support/files/temp.ts";
import { signetProcess } from "../support/service/command-line.ts";
import { asUser, modesIn, testAsUser, userFolder, withUmask } from "../support/service/other-user.ts";
import { startRemote } from "../support/service/remote-service.ts";
import { issue } from "../support/service/service.ts";
import { refusedStart, spawnService } from "../support/service/service-process.ts";

const UNMASKED = fileURLToPath(new URL("./unmasked-service.ts", import.meta.url));

const modeOf = async (path: string) => ((await stat(path)).mode & 0o777).toString(8);

async function underUmask(t: ExecutionContext, umask: string) {
  const [data, socket] = [await tempFolder(t), join(await tempFolder(t), "socket")];
  return { data, socket, under: withUmask(umask), env: { SIGNET_GRPC_ADDRESS: `unix:${socket}` } };
}

for (const [umask, socketMode] of [
  ["000", "770"],
  ["007", "770"],
  ["022", "750"],
  ["077", "700"],
] as const) {
  test.serial(`umask ${umask} opens nothing to others, and the socket to its group at most`, async (t) => {
    const { socket, ...options } = await underUmask(t, umask);
    const service = await startRemote(t, options);
    await t.notThrowsAsync(issue(service));
    t.is(await modeOf(socket), socketMode);
    await service.process.stop();
    const { data, under } = options;
    t.is((await signetProcess(["keys", "export", "--out", join(data, "keys.signet")], { data, under })).code, 0);
    const open = Object.entries(await modesIn(data)).filter(([, mode]) => mode !== "600" && mode !== "700");
    t.deepEqual(open, []);
  });
}

test.serial(
  "a socket that others could replace is refused with the way out; in a sticky folder it is not",
  async (t) => {
    const [data, folder] = [await tempFolder(t), join(await tempFolder(t), "open")];
    await mkdir(folder);
    await chmod(folder, 0o777);
    const options = { data, env: { SIGNET_GRPC_ADDRESS: `unix:${folder}/socket` } };
    await t.throwsAsync(startRemote(t, options), {
      message: new RegExp(
        `ended with 78: .*SOCKET_EXPOSED: grpc.address unix:${folder}/socket: ${folder} has mode 0777: .*chmod o-w`,
      ),
    });
    await chmod(folder, 0o1777);
    await t.notThrowsAsync(issue(await startRemote(t, options)));
  },
);

testAsUser("a socket in a folder that the service can't enter is an address that can't be bound", async (t) => {
  const closed = join(await tempFolder(t), "closed");
  await mkdir(join(closed, "folder"), { recursive: true });
  await chmod(closed, 0o700);
  const env = { SIGNET_GRPC_ADDRESS: `unix:${closed}/folder/socket` };
  const refused = await refusedStart(t, { data: await userFolder(t), under: asUser(), env });
  t.is(refused.code, 69);
  t.regex(refused.text, /CANT_LISTEN: .*closed\/folder can't be used: EACCES/);
});

test.serial(
  "a socket whose folder does not exist is an address that can't be bound, and the folder is named",
  async (t) => {
    const data = await tempFolder(t);
    const env = { SIGNET_GRPC_ADDRESS: `unix:${data}/nowhere/socket` };
    const refused = await refusedStart(t, { data, env });
    t.is(refused.code, 69);
    t.regex(refused.text, /CANT_LISTEN: grpc\.address unix:.*: .*\/nowhere can't be used: ENOENT/);
  },
);

test.serial("a service that leaves the umask alone opens its socket to everyone, and would be caught", async (t) => {
  const { socket, ...options } = await underUmask(t, "000");
  await spawnService(t, { ...options, program: UNMASKED });
  t.is(await modeOf(socket), "777");
});
