import { randomUUID } from "node:crypto";
import { chmod, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { fillDisk, smallDisk, testWithSmallDisk } from "../support/files/small-disk.ts";
import { tempFolder } from "../support/files/temp.ts";
import { signetProcess } from "../support/service/command-line.ts";
import { asUser, readOnly, testAsUser, testWithMounts, userFolder, withMounts } from "../support/service/other-user.ts";
import { startRemote } from "../support/service/remote-service.ts";
import { revokeTokens } from "../support/service/revoke-tokens.ts";
import { issue, verify } from "../support/service/service.ts";
import { refusedStart, spawnService } from "../support/service/service-process.ts";

const UNAVAILABLE = 14;

/** Asserts that the start ends with 74, and names the path and the cause. */
async function endsWith74(
  t: ExecutionContext,
  options: Parameters<typeof spawnService>[1],
  path: string,
  cause: RegExp,
): Promise<void> {
  const { code, text } = await refusedStart(t, options);
  t.is(code, 74, text);
  t.true(text.startsWith(`error: STATE: ${path}`), text);
  t.regex(text, cause);
}

test.serial("a file in place of the data folder, or above it, ends with 74", async (t) => {
  const file = join(await tempFolder(t), "file");
  await writeFile(file, "");
  for (const data of [file, join(file, "data")]) await endsWith74(t, { data }, data, /: EEXIST: |: ENOTDIR: /);
});

testAsUser(
  "data that may not be written ends with 74: the folder above, the data folder, a folder in it",
  async (t) => {
    const under = asUser();
    const foreign = await tempFolder(t);
    await chmod(foreign, 0o755);
    const missing = join(foreign, "missing", "data");
    await endsWith74(t, { data: missing, under }, missing, /: EACCES: permission denied, mkdir /);
    await endsWith74(t, { data: foreign, under }, join(foreign, "state"), /: EACCES: permission denied, mkdir /);
    const data = await userFolder(t);
    await (await spawnService(t, { data, under })).stop();
    for (const [path, unusable, usable] of [
      ["state", 0o500, 0o700],
      ["spool", 0o500, 0o700],
      ["state/state.db", 0o400, 0o600],
      ["spool/identity.json", 0o000, 0o600],
    ] as const) {
      await chmod(join(data, path), unusable);
      await endsWith74(t, { data, under }, join(data, path), /: EACCES: permission denied, /);
      await chmod(join(data, path), usable);
    }
  },
);

testWithMounts(
  "a data folder that is read-only ends with 74, new or in use, and so does a restore into it",
  async (t) => {
    const data = await userFolder(t);
    const under = [...withMounts(readOnly(data)), ...asUser()];
    await endsWith74(t, { data, under }, join(data, "state"), /: EROFS: read-only file system, mkdir /);
    await (await spawnService(t, { data, under: asUser() })).stop();
    await endsWith74(t, { data, under }, join(data, "state"), /: EROFS: read-only file system, access /);
    const file = join(await userFolder(t), "keys.signet");
    t.is((await signetProcess(["keys", "export", "--out", file], { data, under: asUser() })).code, 0);
    const restored = await signetProcess(["keys", "restore", file], { data, under });
    t.is(restored.code, 74);
    t.regex(restored.stderr, /^error: STATE: \S+\/state can't be used: EROFS: /);
  },
);

testWithSmallDisk(
  "a disk that is full at any step of a first start ends it with 74, the path and the cause",
  async (t) => {
    for (const kilobytes of [12, 32, 64, 128, 192]) {
      const disk = await smallDisk(t, kilobytes << 10);
      const { code, text } = await refusedStart(t, { data: join(disk, "data") });
      t.is(code, 74, text);
      // On a slow machine the audit log looks at its disk before the start has found no room on it.
      t.true(text.replace("waits for storage for the audit log: ", "").startsWith(`error: STATE: ${disk}/data`), text);
      t.regex(text, /ENOSPC: |disk is full|less than 1048576 bytes free/);
    }
  },
);

testWithSmallDisk("a KEK that a full disk does not take is not there, and the start ends with 74", async (t) => {
  const disk = await smallDisk(t, 64 << 10);
  await fillDisk(disk);
  const env = { SIGNET_KEK_FILE: join(disk, "kek") };
  await endsWith74(t, { data: await tempFolder(t), env }, join(disk, "kek"), /: ENOSPC: /);
});

testWithSmallDisk(
  "a disk that fills up refuses what must be stored, verifies, and lets the service stop",
  async (t) => {
    const disk = await smallDisk(t, 4 << 20);
    const data = join(disk, "data");
    const service = await startRemote(t, { data });
    const { token } = await issue(service);
    await fillDisk(disk);
    const revokeMany = () => revokeTokens(service, { tokenIds: Array.from({ length: 100 }, () => randomUUID()) });
    const untilRefused = async () => {
      for (let round = 0; round < 100; round++) await revokeMany();
    };
    await t.throwsAsync(untilRefused(), { code: UNAVAILABLE });
    t.like(await verify(service, token), { valid: true });
    t.is(await service.process.stop(), 0);
    const full = await smallDisk(t, 64 << 10);
    await fillDisk(full);
    const { code, stderr } = await signetProcess(["keys", "export", "--out", join(full, "keys.signet")], { data });
    t.is(code, 74);
    t.regex(stderr, /^error: STATE: \S+\/keys\.signet can't be used: ENOSPC: /);
  },
);

testAsUser("a file of --out that may not be written ends with 74, one in a missing folder with 2", async (t) => {
  const data = await userFolder(t);
  await (await spawnService(t, { data, under: asUser() })).stop();
  const foreign = await tempFolder(t);
  await chmod(foreign, 0o755);
  const exportTo = (out: string) => signetProcess(["keys", "export", "--out", out], { data, under: asUser() });
  const refused = await exportTo(join(foreign, "keys.signet"));
  t.is(refused.code, 74);
  t.true(refused.stderr.startsWith(`error: STATE: ${foreign}/keys.signet can't be used: EACCES: `), refused.stderr);
  await mkdir(join(data, "exports"));
  const misspelt = await exportTo(join(data, "exprots", "keys.signet"));
  t.is(misspelt.code, 2);
  t.regex(misspelt.stderr, /exprots\/keys\.signet can't be used: ENOENT: /);
});
