import { chmod, mkdir, rename, symlink, unlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { type FileContents, type FileSet, readFileSet, startFileWatch } from "../../src/files/watched-files.ts";
import { filesIn } from "../support/files/config-files.ts";
import { waitUntil } from "../support/wait-until.ts";

type Pair = "cert" | "key";

const PAIR = { "tls.crt": "certificate 1", "tls.key": "key 1" };

function pairIn(folder: string): FileSet<Pair> {
  return {
    cert: { path: join(folder, "tls.crt"), isSecret: false },
    key: { path: join(folder, "tls.key"), isSecret: true },
  };
}

async function pairOf(t: ExecutionContext): Promise<{ folder: string; files: FileSet<Pair> }> {
  const folder = await filesIn(t, PAIR);
  await chmod(join(folder, "tls.key"), 0o600);
  return { folder, files: pairIn(folder) };
}

const textsOf = ({ cert, key }: FileContents<Pair>) => `${cert}, ${key}`;

/** A watch that looks when the test says so. */
async function steppedWatch(
  t: ExecutionContext,
  files: FileSet<Pair>,
  use: (contents: FileContents<Pair>) => void = () => {},
) {
  const used: string[] = [];
  const errors: string[] = [];
  let begin = Promise.withResolvers<void>();
  let idle = Promise.withResolvers<void>();
  const watch = startFileWatch(
    files,
    await readFileSet(files),
    {
      use(contents) {
        used.push(textsOf(contents));
        use(contents);
      },
      onError: (error) => errors.push(String(error)),
    },
    async () => {
      idle.resolve();
      await begin.promise;
    },
  );
  t.teardown(() => {
    begin.resolve();
    return watch.stop();
  });
  await idle.promise;
  const look = async (times = 2) => {
    for (let looks = 0; looks < times; looks++) {
      idle = Promise.withResolvers();
      begin.resolve();
      begin = Promise.withResolvers();
      await idle.promise;
    }
  };
  return { used, errors, look, watch };
}

test("a file that is rewritten in place and one that is renamed are used within a moment, with their whole set", async (t) => {
  const { folder, files } = await pairOf(t);
  const used: string[] = [];
  const use = (contents: FileContents<Pair>) => void used.push(textsOf(contents));
  const watch = startFileWatch(files, await readFileSet(files), { use, onError: (error) => t.fail(String(error)) });
  t.teardown(() => watch.stop());
  await writeFile(join(folder, "tls.key"), "key 2");
  await waitUntil("the rewritten key is used", () => used.length === 1);
  await writeFile(join(folder, "new"), "certificate 2");
  await rename(join(folder, "new"), join(folder, "tls.crt"));
  await waitUntil("the renamed certificate is used", () => used.length === 2);
  t.deepEqual(used, ["certificate 1, key 2", "certificate 2, key 2"]);
});

test("a volume that Kubernetes replaces by a symbolic link is used as one set", async (t) => {
  const folder = await filesIn(t, {});
  for (const [version, name] of [
    [1, "..1"],
    [2, "..2"],
  ] as const) {
    await mkdir(join(folder, name));
    await writeFile(join(folder, name, "tls.crt"), `certificate ${version}`);
    await writeFile(join(folder, name, "tls.key"), `key ${version}`, { mode: 0o600 });
  }
  await symlink("..1", join(folder, "..data"));
  for (const name of ["tls.crt", "tls.key"]) await symlink(join("..data", name), join(folder, name));
  const { used, look } = await steppedWatch(t, pairIn(folder));
  await symlink("..2", join(folder, "..tmp"));
  await rename(join(folder, "..tmp"), join(folder, "..data"));
  await look();
  t.deepEqual(used, ["certificate 2, key 2"]);
});

test("a set that is still being written is not used before two looks find it the same", async (t) => {
  const { folder, files } = await pairOf(t);
  const { used, look } = await steppedWatch(t, files);
  await writeFile(join(folder, "tls.crt"), "certificate 2");
  await look(1);
  await writeFile(join(folder, "tls.key"), "half a k");
  await look(1);
  await writeFile(join(folder, "tls.key"), "key 2");
  await look(1);
  t.deepEqual(used, []);
  await look(1);
  t.deepEqual(used, ["certificate 2, key 2"]);
});

test("a file with the same content as before is not used again", async (t) => {
  const { folder, files } = await pairOf(t);
  const { used, look } = await steppedWatch(t, files);
  for (const [name, content] of Object.entries(PAIR)) await writeFile(join(folder, name), content);
  await look();
  t.deepEqual(used, []);
});

test("a set that can't be read is reported once, and used when it can be read again", async (t) => {
  const { folder, files } = await pairOf(t);
  const { used, errors, look } = await steppedWatch(t, files);
  const key = join(folder, "tls.key");
  await unlink(key);
  await look(4);
  await writeFile(key, "key 2");
  await chmod(key, 0o644);
  await look(4);
  t.is(errors.length, 2);
  t.regex(errors[0] ?? "", /tls\.key can't be used: ENOENT/);
  t.regex(errors[1] ?? "", /tls\.key has mode 0644: others must have no access to it/);
  t.deepEqual(used, []);
  await chmod(key, 0o600);
  await look();
  t.deepEqual(used, ["certificate 1, key 2"]);
});

test("a set that is refused is reported once, and the next one is used", async (t) => {
  const { folder, files } = await pairOf(t);
  const { used, errors, look } = await steppedWatch(t, files, ({ key }) => {
    if (String(key) === "another key") throw new Error("the key does not match");
  });
  await writeFile(join(folder, "tls.key"), "another key");
  await look(4);
  t.deepEqual(errors, ["Error: the key does not match"]);
  await writeFile(join(folder, "tls.key"), "key 2");
  await look();
  t.deepEqual(used, ["certificate 1, another key", "certificate 1, key 2"]);
});

test("a set is read at once on request, and used only where it has changed or was refused", async (t) => {
  const { folder, files } = await pairOf(t);
  const { used, errors, watch } = await steppedWatch(t, files, ({ key }) => {
    if (String(key) === "bad key") throw new Error("the key does not fit");
  });
  t.is(await watch.readNow(), "unchanged");
  await writeFile(join(folder, "tls.key"), "bad key");
  t.is(await watch.readNow(), "refused");
  t.is(await watch.readNow(), "refused");
  t.deepEqual(errors, ["Error: the key does not fit", "Error: the key does not fit"]);
  await unlink(join(folder, "tls.key"));
  t.is(await watch.readNow(), "refused");
  t.regex(errors[2] ?? "", /tls\.key/);
  await writeFile(join(folder, "tls.key"), "key 2", { mode: 0o600 });
  t.is(await watch.readNow(), "used");
  t.is(await watch.readNow(), "unchanged");
  t.deepEqual(used, ["certificate 1, bad key", "certificate 1, bad key", "certificate 1, key 2"]);
});

test("all files that can't be read are named together", async (t) => {
  const folder = await filesIn(t, { "tls.key": "key" });
  await chmod(join(folder, "tls.key"), 0o604);
  const error = await t.throwsAsync(readFileSet(pairIn(folder)));
  t.regex(error?.message ?? "", /tls\.crt can't be used: ENOENT.*; .*tls\.key has mode 0604/);
});

test("a set without one of its files has no content for it", async (t) => {
  const { files } = await pairOf(t);
  t.deepEqual(await readFileSet({ cert: files.cert, key: undefined }), { cert: Buffer.from("certificate 1") });
});
