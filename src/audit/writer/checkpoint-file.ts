import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { type Checkpoint, parseCheckpoint } from "../checkpoint/checkpoint.ts";
import { NoteError, parseNote } from "../checkpoint/note.ts";

/** The last checkpoint that a spool's writer has signed, as a note: durable in the spool's folder before it is published. */
export const CHECKPOINT_FILE = "checkpoint";

/** The last checkpoint of a spool; undefined where there is none, "damaged" where it can't be understood. */
export async function readLastCheckpoint(folder: string): Promise<Checkpoint | "damaged" | undefined> {
  const note = await readFile(join(folder, CHECKPOINT_FILE), "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "ENOENT") throw error;
  });
  if (note === undefined) return undefined;
  try {
    return parseCheckpoint(parseNote(note).text);
  } catch (error) {
    if (error instanceof NoteError) return "damaged";
    throw error;
  }
}

export async function removeCheckpoint(folder: string): Promise<void> {
  await rm(join(folder, CHECKPOINT_FILE), { force: true });
}
