import { chmod, chown, lchown, mkdir, open, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { ExecutionContext } from "ava";
import { filesIn } from "../support/files/config-files.ts";
import { tempFolder } from "../support/files/temp.ts";
import { tinyProfile } from "../support/profiles/tiny-profile.ts";
import { signetProcess } from "../support/service/command-line.ts";
import {
  asUser,
  FS_GROUP,
  kubeletWalk,
  modesIn,
  readOnly,
  testAsUser,
  testWithMounts,
  USER,
  userFolder,
  withMounts,
} from "../support/service/other-user.ts";
import { startRemote } from "../support/service/remote-service.ts";
import { issue, listKeys, type Service, verify } from "../support/service/service.ts";
import { refusedStart } from "../support/service/service-process.ts";

const inGroup = asUser([FS_GROUP]);
const kidsOf = async (service: Service) => (await listKeys(service)).keys.map(({ keyId }) => keyId);

/** A volume as kubelet fills it from a Secret with the key `kek`, read-only for its group. */
async function secretVolume(t: ExecutionContext, mode = 0o400): Promise<string> {
  const volume = await tempFolder(t);
  const version = join(volume, "..2026_11_28_21_00_00.1234");
  await mkdir(version);
  await chmod(version, 0o755);
  await writeFile(join(version, "kek"), `${"A".repeat(43)}\n`, { mode });
  await symlink("..2026_11_28_21_00_00.1234", join(volume, "..data"));
  await symlink("..data/kek", join(volume, "kek"));
  await chmod(volume, 0o755);
  await kubeletWalk(volume, false);
  return volume;
}

testAsUser("the KEK of a Secret volume with fsGroup is read, also through a descriptor", async (t) => {
  const volume = await secretVolume(t);
  const kek = join(volume, "kek");
  t.like(await stat(kek), { mode: 0o100440, uid: 0, gid: FS_GROUP });
  const data = await userFolder(t);
  const first = await startRemote(t, { data, under: inGroup, env: { SIGNET_KEK_FILE: kek } });
  const { token } = await issue(first);
  await first.process.stop();
  const file = await open(kek, "r");
  const second = await startRemote(t, { data, under: inGroup, env: { SIGNET_KEK_FILE: "fd:3" }, fd: file.fd });
  await file.close();
  t.like(await verify(second, token), { valid: true });
});

testAsUser("a KEK of a group that the process is not in ends with 77, also through a descriptor", async (t) => {
  const kek = join(await secretVolume(t), "kek");
  const data = await userFolder(t);
  // Only root may open it, so another process hands it over.
  const file = await open(kek, "r");
  const { code, text } = await refusedStart(t, {
    data,
    under: asUser(),
    env: { SIGNET_KEK_FILE: "fd:3" },
    fd: file.fd,
  });
  t.is(code, 77);
  t.regex(text, /has mode 0440 and group 2000: of its groups, only one of this process may read it, 65534 /);
  await file.close();
  const byPath = await refusedStart(t, { data, under: asUser(), env: { SIGNET_KEK_FILE: kek } });
  t.is(byPath.code, 77);
  t.regex(byPath.text, /kek can't be used: EACCES: /);
});

testAsUser("a KEK that others may read ends with 77, and keeps its mode", async (t) => {
  const volume = await secretVolume(t, 0o644);
  const kek = join(volume, "kek");
  const data = await userFolder(t);
  const file = await open(kek, "r");
  for (const env of [{ SIGNET_KEK_FILE: kek }, { SIGNET_KEK_FILE: "fd:3" }]) {
    const { code, text } = await refusedStart(t, { data, under: inGroup, env, fd: file.fd });
    t.is(code, 77);
    t.regex(text, /kek has mode 0644: others must have no access to it \(chmod o-rwx /);
  }
  await file.close();
  t.is((await stat(kek)).mode, 0o100644);
});

testAsUser("a data volume serves after each of kubelet's walks, with the same keys", async (t) => {
  const volume = await tempFolder(t);
  // The root of a new file system, as kubelet leaves it.
  await chmod(volume, 0o755);
  await kubeletWalk(volume);
  t.like(await stat(volume), { mode: 0o042775, uid: 0, gid: FS_GROUP });
  const first = await startRemote(t, { data: volume, under: inGroup });
  const kids = await kidsOf(first);
  const { token } = await issue(first);
  await first.process.stop();
  await kubeletWalk(volume);
  const walked = await modesIn(volume);
  t.like(walked, { kek: "660", state: "2770", "state/state.db": "660", spool: "2770", "spool/identity.json": "660" });
  const second = await startRemote(t, { data: volume, under: inGroup });
  t.deepEqual(await kidsOf(second), kids);
  t.like(await verify(second, token), { valid: true });
  await t.notThrowsAsync(issue(second));
  await second.process.stop();
  const { kek, state, spool } = await modesIn(volume);
  t.deepEqual([kek, state, spool], [walked.kek, walked.state, walked.spool], "no mode was changed");
  await kubeletWalk(volume);
  const out = join(volume, "keys.signet");
  t.is((await signetProcess(["keys", "export", "--out", out], { data: volume, under: inGroup })).code, 0);
  t.is((await stat(out)).mode & 0o777, 0o600);
});

testAsUser("what others may reach in the data folder ends with 74, and keeps its mode", async (t) => {
  const data = await userFolder(t);
  await (await startRemote(t, { data, under: inGroup })).process.stop();
  await kubeletWalk(data);
  for (const [path, bits] of [
    ["state/state.db", 0o4],
    ["spool", 0o5],
    ["spool/0000000000000001.segment", 0o2],
  ] as const) {
    const whole = (await stat(join(data, path))).mode & 0o7777;
    await chmod(join(data, path), whole | bits);
    const { code, text } = await refusedStart(t, { data, under: inGroup });
    t.is(code, 74, path);
    t.regex(
      text,
      new RegExp(`^error: STATE: ${data}/${path} has mode ${(whole | bits).toString(8).padStart(4, "0")}: `),
    );
    t.is((await stat(join(data, path))).mode & 0o7777, whole | bits, path);
    await chmod(join(data, path), whole);
  }
  await t.notThrowsAsync(startRemote(t, { data, under: inGroup }));
});

testAsUser("a data folder that others may write to or replace ends with 74; a sticky parent is good", async (t) => {
  const parent = await userFolder(t);
  const data = join(parent, "data");
  await mkdir(data, { mode: 0o700 });
  await chown(data, USER, USER);
  const refusedFor = async (path: string, mode: number) => {
    const before = (await stat(path)).mode & 0o7777;
    await chmod(path, mode);
    const { code, text } = await refusedStart(t, { data, under: asUser() });
    t.is(code, 74, path);
    t.true(text.includes(`${path} has mode ${mode.toString(8).padStart(4, "0")}: others must not write to it`), text);
    t.is((await stat(path)).mode & 0o7777, mode);
    await chmod(path, before);
  };
  await refusedFor(data, 0o777);
  await refusedFor(data, 0o1777);
  await refusedFor(parent, 0o777);
  await chmod(parent, 0o1777);
  await t.notThrowsAsync(startRemote(t, { data, under: asUser() }));
});

testAsUser("what belongs to another user is refused: data with 74, the KEK with 77", async (t) => {
  const data = await userFolder(t);
  await (await startRemote(t, { data, under: asUser() })).process.stop();
  for (const [path, exit] of [
    ["", 74],
    ["state/state.db", 74],
    ["kek", 77],
  ] as const) {
    await lchown(join(data, path), 1_000, USER);
    await chmod(join(data, path), path === "kek" ? 0o440 : 0o770);
    const { code, text } = await refusedStart(t, { data, under: asUser() });
    t.is(code, exit, path);
    t.regex(text, /belongs to uid 1000: only root and uid 65534 may own it \(chown 65534 /);
    await chown(join(data, path), USER, USER);
  }
  await t.notThrowsAsync(startRemote(t, { data, under: asUser() }));
});

testWithMounts("profiles that others may write are refused, unless their mount is read-only", async (t) => {
  const folder = await filesIn(t, { "tiny.yaml": tinyProfile() });
  const profile = join(folder, "tiny.yaml");
  const env = { SIGNET_PROFILES_FOLDER: folder };
  const start = (under: readonly string[]) => userFolder(t).then((data) => refusedStart(t, { data, env, under }));
  for (const [path, mode] of [
    [folder, 0o777],
    [profile, 0o666],
  ] as const) {
    await chmod(folder, 0o755);
    await chmod(path, mode);
    const { code, text } = await start(asUser());
    t.is(code, 78);
    t.true(text.includes(`\n${path}: has mode 0${mode.toString(8)}: others must not write to it`), text);
  }
  await chmod(folder, 0o777);
  const { text } = await start([...withMounts(readOnly(folder)), ...asUser()]);
  t.is(text, "it started", "as a ConfigMap is mounted");
});

testAsUser("a configuration file that others may write ends with 78", async (t) => {
  const folder = await filesIn(t, { "signet.yaml": "log: { level: info }\n" });
  const file = join(folder, "signet.yaml");
  await chmod(folder, 0o755);
  await chmod(file, 0o646);
  const args = ["serve", "--config", file];
  const { code, text } = await refusedStart(t, { data: await userFolder(t), under: asUser(), args });
  t.is(code, 78);
  t.true(text.includes(`\n${file}: has mode 0646: others must not write to it`), text);
});
