import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { openDiskFile } from "../../../src/audit/spool/segment-file.ts";
import { tempFolder } from "../../support/files/temp.ts";

const AHEAD = 256 * 1024;

async function newFile(t: ExecutionContext) {
  const path = join(await tempFolder(t), "file");
  const file = await openDiskFile(path, "create");
  return { path, file };
}

test("while a file is open zeros follow its bytes, and a sync finds its length unchanged", async (t) => {
  const { path, file } = await newFile(t);
  await file.write(Buffer.from("first"));
  await file.sync();
  t.is((await stat(path)).size, AHEAD);
  await file.write(Buffer.from("second"));
  const bytes = await readFile(path);
  t.is(bytes.length, AHEAD);
  t.is(bytes.toString("latin1").replace(/\0+$/, ""), "firstsecond");
  await file.close();
});

test("a closed file ends where its bytes end, even after a write that was longer than the zeros ahead", async (t) => {
  const { path, file } = await newFile(t);
  const parts = [Buffer.alloc(AHEAD - 1, 1), Buffer.alloc(3 * AHEAD, 2), Buffer.from("end")];
  for (const part of parts) await file.write(part);
  await file.close();
  t.true((await readFile(path)).equals(Buffer.concat(parts)));
});

test("what is written after a truncation follows what was left, and nothing that was cut off comes back", async (t) => {
  const { path, file } = await newFile(t);
  await file.write(Buffer.alloc(AHEAD + 10, 1));
  await file.truncate(4);
  await file.write(Buffer.alloc(4, 2));
  t.deepEqual((await readFile(path)).subarray(0, 16), Buffer.from("01010101020202020000000000000000", "hex"));
  await file.close();
  t.is((await stat(path)).size, 8);
});

test("a file that was there is appended to", async (t) => {
  const { path, file } = await newFile(t);
  await file.write(Buffer.from("first"));
  await file.close();
  const again = await openDiskFile(path, "existing");
  await again.write(Buffer.from("second"));
  await again.close();
  t.is(await readFile(path, "utf8"), "firstsecond");
});

test("a file that is to be created and is there is refused", async (t) => {
  const { path, file } = await newFile(t);
  await t.throwsAsync(openDiskFile(path, "create"), { code: "EEXIST" });
  await file.close();
});
