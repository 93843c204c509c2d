import { access, readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { AuditError } from "../audit/event.ts";
import { isWriter } from "../audit/spool/identity.ts";
import { CHECKPOINT_FILE } from "../audit/writer/checkpoint-file.ts";
import { replaceFile, syncFolder } from "../files/durable.ts";
import { fileErrorOf } from "../files/file-error.ts";
import type { Note } from "./note-publisher.ts";

const CLOSING = ".closing-checkpoint.json";
const UNCOMPARED = "uncompared.json";

/** The last note of the spool's writer; undefined where there is none. */
export async function readNote(folder: string): Promise<string | undefined> {
  return await readFile(join(folder, CHECKPOINT_FILE), "utf8").catch((cause) => absent(folder, cause));
}

/** Durable when it resolves. Rejects with an AuditError UNAVAILABLE. */
export function saveNote(folder: string, note: string): Promise<void> {
  return save(folder, CHECKPOINT_FILE, note);
}

/** The last note of a log that was closed, until it is published. Durable when it resolves. */
export function saveClosingNote(folder: string, note: Note): Promise<void> {
  return save(folder, `${note.writer}${CLOSING}`, `${JSON.stringify(note)}\n`);
}

export function hasClosingNote(folder: string, writer: string): Promise<boolean> {
  const path = join(folder, `${writer}${CLOSING}`);
  return access(path).then(
    () => true,
    (cause) => absent(path, cause) ?? false,
  );
}

export async function removeClosingNote(folder: string, writer: string): Promise<void> {
  await rm(join(folder, `${writer}${CLOSING}`), { force: true });
}

/** A log, and how many events it had at the first start after it was compared with the stream. */
export interface Uncompared {
  readonly writer: string;
  readonly size: number;
}

/**
 * What is to be compared with the stream, durable until {@link removeUncompared}: as the folder has it from an earlier
 * start, otherwise `found`. A log may grow over several starts before NATS is reached.
 */
export async function keepUncompared(folder: string, found: Uncompared): Promise<Uncompared> {
  const path = join(folder, UNCOMPARED);
  const text = await readFile(path, "utf8").catch((cause) => absent(path, cause));
  const known = text === undefined ? found : parseUncompared(text);
  // Where the file can't be read nothing is known: then any note in the stream is of another history.
  const kept = known === undefined ? { ...found, size: 0 } : known.writer === found.writer ? known : found;
  await save(folder, UNCOMPARED, `${JSON.stringify(kept)}\n`);
  return kept;
}

/** Durable when it resolves: a note that is published afterwards must not contradict the next start. */
export async function removeUncompared(folder: string): Promise<void> {
  await rm(join(folder, UNCOMPARED), { force: true });
  await syncFolder(folder);
}

export interface ClosingNotes {
  /** Those that may not have been published. */
  readonly notes: readonly Note[];
  /** Every writer that has a file, also one that can't be used: its end may still have to be signed. */
  readonly writers: readonly string[];
}

/**
 * The notes of closed logs. `onDamaged` gets what is wrong with each file that can't be used, which stays where it is.
 */
export async function readClosingNotes(folder: string, onDamaged: (message: string) => void): Promise<ClosingNotes> {
  const names = (await readdir(folder)).filter((name) => name.endsWith(CLOSING));
  const notes: Note[] = [];
  for (const name of names) {
    const path = join(folder, name);
    const note = parseNote(await readFile(path, "utf8"));
    // The writer names files that are removed: it must be that of the file's own name.
    if (note !== undefined && `${note.writer}${CLOSING}` === name) notes.push(note);
    else
      onDamaged(
        `${path}: is not the last checkpoint of a log that was closed. Its key is kept: put the file back from a copy of \
the folder, or remove it, and the next start removes the key`,
      );
  }
  return { notes, writers: names.map((name) => name.slice(0, -CLOSING.length)) };
}

function parseNote(text: string): Note | undefined {
  try {
    const { writer, size, position, text: note, isLast }: Partial<Record<keyof Note, unknown>> = JSON.parse(text) ?? {};
    if (!isWriter(writer) || typeof note !== "string" || !isCount(size) || !isCount(position)) return undefined;
    return isLast === true ? { writer, size, position, text: note, isLast } : undefined;
  } catch {
    return undefined;
  }
}

function parseUncompared(text: string): Uncompared | undefined {
  try {
    const { writer, size }: Partial<Record<keyof Uncompared, unknown>> = JSON.parse(text) ?? {};
    return isWriter(writer) && isCount(size) ? { writer, size } : undefined;
  } catch {
    return undefined;
  }
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

async function save(folder: string, name: string, content: string): Promise<void> {
  await replaceFile(folder, name, content).catch((cause) => {
    throw new AuditError("UNAVAILABLE", `${join(folder, name)}: can't be written`, { cause });
  });
}

function absent(folder: string, cause: NodeJS.ErrnoException): undefined {
  if (cause.code !== "ENOENT") throw fileErrorOf(folder, cause);
}
