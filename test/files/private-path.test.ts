import { chmod, mkdir, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { FileError } from "../../src/files/file-error.ts";
import {
  openDataFolder,
  openPrivateFolder,
  publicFaults,
  readPublicFile,
  readSecretFile,
} from "../../src/files/private-path.ts";
import { tempFolder } from "../support/files/temp.ts";

const refusal = (t: ExecutionContext, work: () => unknown) =>
  t.throwsAsync(async () => work(), { instanceOf: FileError });

test("a missing folder is created with all above it, for its owner alone", async (t) => {
  const top = join(await tempFolder(t), "a");
  openDataFolder(join(top, "b"));
  openPrivateFolder(join(top, "b", "c", "d"), /./);
  for (const path of ["", "b", "b/c", "b/c/d"]) t.is((await stat(join(top, path))).mode & 0o777, 0o700, path);
});

test("the faults of a private folder and of the files in it are reported together, the first ones in full", async (t) => {
  const folder = await tempFolder(t);
  for (let number = 0; number < 7; number++) await writeFile(join(folder, `${number}`), "", { mode: 0o604 });
  await writeFile(join(folder, "of-an-operator"), "", { mode: 0o644 });
  const one = await refusal(t, () => openPrivateFolder(folder, /^\d$/));
  t.is(one?.code, "EXPOSED");
  for (let number = 0; number < 5; number++) t.true(one?.message.includes(`(chmod o-rwx ${folder}/${number})`));
  t.true(one?.message.endsWith("; and 2 more"), one?.message);
  await chmod(folder, 0o705);
  const all = await refusal(t, () => openPrivateFolder(folder, /^\d$/));
  t.true(all?.message.startsWith(`${folder} has mode 0705: `), all?.message);
  t.is((await stat(folder)).mode & 0o777, 0o705, "it is not changed");
});

test("a file in place of a folder is refused with its path and the cause", async (t) => {
  const file = join(await tempFolder(t), "file");
  await writeFile(file, "");
  for (const path of [file, join(file, "below")]) {
    const error = await refusal(t, () => openPrivateFolder(path, /./));
    t.true(error?.message.startsWith(`${path} can't be used: E`), error?.message);
  }
});

test("a secret is read through symbolic links, and judged by the file at their end", async (t) => {
  const folder = await tempFolder(t);
  await writeFile(join(folder, "secret"), "content", { mode: 0o600 });
  await symlink("secret", join(folder, "link"));
  t.is((await readSecretFile(join(folder, "link"))).toString(), "content");
  await chmod(join(folder, "secret"), 0o604);
  const error = await refusal(t, () => readSecretFile(join(folder, "link")));
  t.is(error?.code, "EXPOSED");
  t.false(error?.message.includes("content"));
  t.is((await refusal(t, () => readSecretFile("/nowhere/a")))?.code, "ENOENT");
});

test("a folder in place of a secret or public file is named as that, whatever its mode", async (t) => {
  const folder = await tempFolder(t);
  for (const mode of [0o700, 0o1777])
    for (const read of [readSecretFile, readPublicFile]) {
      await chmod(folder, mode);
      const error = await refusal(t, () => read(folder));
      t.like(error, { code: "EISDIR", message: `${folder} is a folder, and must be a file` });
    }
});

test("a folder where others could replace a path is refused, wherever a link to the path leads", async (t) => {
  const [here, there] = [await tempFolder(t), await tempFolder(t)];
  await mkdir(join(there, "open"));
  await writeFile(join(there, "open", "secret"), "content", { mode: 0o600 });
  await symlink(join(there, "open", "secret"), join(here, "link"));
  await chmod(join(there, "open"), 0o777);
  const error = await refusal(t, () => readSecretFile(join(here, "link")));
  t.true(error?.message.startsWith(`${there}/open has mode 0777: `), error?.message);
  t.deepEqual(
    publicFaults(join(here, "link")).map(({ path }) => path),
    [join(there, "open")],
  );
  await chmod(join(there, "open"), 0o1777);
  t.is((await readSecretFile(join(here, "link"))).toString(), "content");
});

test("a pipe and a file that is not there have no faults of a public file", (t) => {
  t.deepEqual(publicFaults("/nowhere/a"), []);
  t.deepEqual(publicFaults("/dev/null"), []);
});
