import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import test from "ava";
import {
  keepUncompared,
  readClosingNotes,
  removeUncompared,
  saveClosingNote,
} from "../../src/audit-thread/note-files.ts";
import { tempFolder } from "../support/files/temp.ts";

const note = { writer: "w1", size: 2, position: 3, text: "note", isLast: true };

test("the last notes of closed logs are found again, and a file that is none is reported and left", async (t) => {
  const folder = await tempFolder(t);
  await saveClosingNote(folder, note);
  const bad = {
    damaged: "{",
    empty: "null",
    moved: JSON.stringify({ ...note, writer: "../w1" }),
    other: JSON.stringify(note),
    open: JSON.stringify({ ...note, writer: "open", isLast: false }),
    sized: JSON.stringify({ ...note, writer: "sized", size: -1 }),
  };
  for (const [name, text] of Object.entries(bad))
    await writeFile(join(folder, `${name}.closing-checkpoint.json`), text);
  const messages: string[] = [];
  const { notes, writers } = await readClosingNotes(folder, (message) => void messages.push(message));
  t.deepEqual(notes, [note]);
  t.deepEqual(writers.toSorted(), ["w1", ...Object.keys(bad)].toSorted(), "in doubt a log still needs its key");
  t.deepEqual(
    messages.map((message) => message.slice(folder.length + 1).split(".")[0]).toSorted(),
    Object.keys(bad).toSorted(),
  );
  t.is((await readdir(folder)).length, 7);
});

test("what is to be compared stays as it was found first, until it was compared", async (t) => {
  const folder = await tempFolder(t);
  const [found, grown] = [10, 20].map((size) => ({ writer: "w1", size }));
  if (found === undefined || grown === undefined) return t.fail();
  t.deepEqual(await keepUncompared(folder, found), found);
  t.deepEqual(await keepUncompared(folder, grown), found);
  t.deepEqual(await keepUncompared(folder, { ...grown, writer: "w2" }), { ...grown, writer: "w2" }, "another log");
  await removeUncompared(folder);
  t.deepEqual(await keepUncompared(folder, grown), grown);
  for (const text of ["", "null", "{", '{"writer":"w1"}', '{"writer":"w1","size":-1}']) {
    await writeFile(join(folder, "uncompared.json"), text);
    t.deepEqual(await keepUncompared(folder, grown), { writer: "w1", size: 0 }, text);
  }
});
