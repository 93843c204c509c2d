import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import test from "ava";
import { createFile, createFileWith, replaceFile } from "../../src/files/durable.ts";
import { tempFolder } from "../support/files/temp.ts";

test("a replaced file has the new content and mode 0600, and no draft is left", async (t) => {
  const folder = await tempFolder(t);
  await replaceFile(folder, "a", "old");
  await replaceFile(folder, "a", Buffer.from("new"));
  t.is(readFileSync(join(folder, "a"), "utf8"), "new");
  t.is(statSync(join(folder, "a")).mode & 0o777, 0o600);
  t.deepEqual(readdirSync(folder), ["a"]);
});

test("a created file is 0600, and a second creation is EEXIST and changes nothing", async (t) => {
  const folder = await tempFolder(t);
  const path = join(folder, "a");
  await createFile(path, "first");
  t.is((await t.throwsAsync<NodeJS.ErrnoException>(createFile(path, "second")))?.code, "EEXIST");
  t.is(readFileSync(path, "utf8"), "first");
  t.is(statSync(path).mode & 0o777, 0o600);
  t.deepEqual(readdirSync(folder), ["a"]);
});

test("a file whose writing fails half-way is not there, and neither is its draft", async (t) => {
  const folder = await tempFolder(t);
  const failing = (draft: string) => {
    writeFileSync(draft, "half");
    throw new Error("disk full");
  };
  await t.throwsAsync(createFileWith(join(folder, "a"), failing), { message: "disk full" });
  t.deepEqual(readdirSync(folder), []);
});

test("a missing folder is ENOENT", async (t) => {
  const path = join(await tempFolder(t), "missing", "a");
  t.is((await t.throwsAsync<NodeJS.ErrnoException>(createFile(path, "")))?.code, "ENOENT");
});
