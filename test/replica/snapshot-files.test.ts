import { chmod, mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { openSnapshotFiles, type SnapshotFiles } from "../../src/replica/snapshot-files.ts";
import type { StateError } from "../../src/state/keyvalue.ts";
import { tempFolder } from "../support/files/temp.ts";

const content = Buffer.from("the wrapped record");

async function filesUnderTest(t: ExecutionContext) {
  const folder = join(await tempFolder(t), "snapshots");
  const damaged: string[] = [];
  const files = await openSnapshotFiles(folder, (file) => void damaged.push(file));
  return { folder, files, damaged, path: join(folder, "ring") };
}

test("what was saved is loaded, and what never was is undefined", async (t) => {
  const { files } = await filesUnderTest(t);
  t.is(await files.load("ring"), undefined);
  await files.save("ring", Buffer.from("an older one"));
  await files.save("ring", content);
  t.deepEqual(Buffer.from((await files.load("ring")) ?? []), content);
});

test("of saves of one name at once the last one counts, and none fails", async (t) => {
  const { files, damaged } = await filesUnderTest(t);
  const contents = Array.from({ length: 50 }, (_, at) => Buffer.alloc(at * 1_000, at));
  await Promise.all(contents.map((one) => files.save("ring", one)));
  t.deepEqual(Buffer.from((await files.load("ring")) ?? []), contents.at(-1));
  t.deepEqual(damaged, []);
});

test("only its owner may read a snapshot, and nothing else is left in the folder", async (t) => {
  const { files, folder, path } = await filesUnderTest(t);
  await files.save("ring", content);
  t.is((await stat(path)).mode & 0o777, 0o600);
  t.is((await stat(folder)).mode & 0o777, 0o700);
  t.deepEqual(await readdir(folder), ["ring"]);
});

for (const mode of [0o604, 0o602, 0o601]) {
  test(`a snapshot of mode ${mode.toString(8)} is refused with EXPOSED, by name and with what to do`, async (t) => {
    const { files, folder, path } = await filesUnderTest(t);
    await files.save("ring", content);
    await chmod(path, mode);
    const error = await t.throwsAsync<StateError>(openSnapshotFiles(folder, () => undefined));
    t.is(error.code, "EXPOSED");
    t.true(error.message.includes(`chmod o-rwx ${path}`));
  });
}

test("a snapshot that is damaged at any byte, or cut off anywhere, is reported, put aside and counts as none", async (t) => {
  const { files, path, damaged } = await filesUnderTest(t);
  await files.save("ring", content);
  const good = await readFile(path);
  const flipped = Array.from(good, (byte, at) => good.with(at, byte ^ 0x01));
  const cut = Array.from(good, (_, length) => good.subarray(0, length));
  for (const [at, bytes] of [...flipped, ...cut].entries()) {
    await writeFile(path, bytes, { mode: 0o600 });
    t.is(await files.load("ring"), undefined, `damage ${at}`);
    t.deepEqual(await readFile(`${path}.damaged`), Buffer.from(bytes), `damage ${at}`);
  }
  t.is(damaged.length, 2 * good.length);
  t.is(damaged[0], path);
});

test("a snapshot that exists and can't be read is UNAVAILABLE, and never counts as absent", async (t) => {
  const { files, path } = await filesUnderTest(t);
  await mkdir(path, { mode: 0o700 });
  const error = await t.throwsAsync<StateError>(files.load("ring"));
  t.is(error.code, "UNAVAILABLE");
});

test("lines that were saved part by part are loaded line by line, and as one content by a version that knows no lines", async (t) => {
  const { files } = await filesUnderTest(t);
  t.deepEqual(await linesOf(files), { found: false, lines: [] });
  const lines = Array.from({ length: 10_000 }, (_, at) => `line ${at}`);
  await files.saveLines("ring", partsOf(lines));
  t.deepEqual(await linesOf(files), { found: true, lines });
  t.is(Buffer.from((await files.load("ring")) ?? []).toString(), `${lines.join("\n")}\n`);
  await files.save("ring", Buffer.from("a\nb\n"));
  t.deepEqual(await linesOf(files), { found: true, lines: ["a", "b"] });
});

test("of lines that are damaged at any byte, or cut off anywhere, none is loaded", async (t) => {
  const { files, path, damaged } = await filesUnderTest(t);
  await files.saveLines("ring", partsOf(["a", "b"]));
  const good = await readFile(path);
  const flipped = Array.from(good, (byte, at) => good.with(at, byte ^ 0x01));
  const cut = Array.from(good, (_, length) => good.subarray(0, length));
  for (const bytes of [...flipped, ...cut]) {
    await writeFile(path, bytes, { mode: 0o600 });
    t.deepEqual(await linesOf(files), { found: false, lines: [] });
  }
  t.is(damaged.length, 2 * good.length);
});

async function* partsOf(lines: readonly string[]): AsyncGenerator<string> {
  for (const line of lines) yield `${line}\n`;
}

async function linesOf(files: SnapshotFiles): Promise<{ found: boolean; lines: string[] }> {
  const lines: string[] = [];
  const found = await files.loadLines("ring", (line) => void lines.push(line));
  return { found, lines };
}
