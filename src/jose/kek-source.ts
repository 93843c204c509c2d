import { randomBytes } from "node:crypto";
import { close, fstat, read } from "node:fs";
import { promisify } from "node:util";
import { createFile } from "../files/durable.ts";
import { isExposed, readPrivateFile } from "../files/private-file.ts";
import { KEK_BYTES, type Kek, KekError, type Keks, kekOf } from "./kek.ts";

export interface KekFiles {
  /** Seals and opens. A path, or `fd:N`: a descriptor that the process was started with. */
  readonly file: string;
  /** Opens what was sealed under the KEK before. */
  readonly previous: string | undefined;
  /** Whether a missing file may be made. */
  readonly create: boolean;
}

/**
 * Reads the KEKs. A missing one is made where that is allowed and nothing is sealed yet: a new KEK over keys that are
 * sealed under another would hide their loss.
 *
 * @throws KekError
 */
export async function loadKeks(files: KekFiles, sealedBefore: boolean, created: (file: string) => void): Promise<Keks> {
  const { file, previous, create } = files;
  const current = await load(file).catch(async (error: unknown) => {
    if (!isMissing(error) || isDescriptor(file)) throw error;
    if (sealedBefore)
      throw new KekError(
        "KEK_MISSING",
        `${file} is missing, and keys are sealed under it: put it back (a new one can't open them)`,
      );
    if (!create) throw error;
    await createKekFile(file);
    created(file);
    return load(file);
  });
  return previous === undefined ? [current] : [current, await load(previous)];
}

function load(place: string): Promise<Kek> {
  return isDescriptor(place) ? readKekDescriptor(place) : loadKek(place);
}

function isMissing(error: unknown): boolean {
  return error instanceof KekError && error.code === "KEK_MISSING";
}

/** Reads a KEK: 32 bytes as base64url text in a file that only its owner may access. Throws {@link KekError}. */
export async function loadKek(path: string): Promise<Kek> {
  const exposed = (text: string) => new KekError("KEK_EXPOSED", `KEK file ${text}`);
  const content = await readPrivateFile(path, exposed).catch((cause) => {
    throw cause instanceof KekError ? cause : refused(cause, path);
  });
  return kekOfText(content, `KEK file ${path}`);
}

/**
 * Makes a KEK file of mode 0600, durable when this resolves, and whole or not at all: a cut-off one would keep every later
 * start from succeeding. Throws KEK_EXISTS rather than lose what is sealed under it.
 */
export async function createKekFile(path: string): Promise<void> {
  await createFile(path, `${randomBytes(KEK_BYTES).toString("base64url")}\n`).catch((cause) => {
    throw refused(cause, path);
  });
}

function refused(cause: unknown, path: string): KekError {
  const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
  if (code === "ENOENT")
    return new KekError("KEK_MISSING", `KEK file ${path}: there is no such file or folder`, { cause });
  if (code === "EEXIST")
    return new KekError("KEK_EXISTS", `KEK file ${path} exists already and is never overwritten`, { cause });
  return new KekError("KEK_UNREADABLE", `KEK file ${path} can't be read or made: ${code}`, { cause });
}

const PREFIX = "fd:";
/** Longer than the text of any KEK, so reading may stop here. */
const LONGEST_KEK_TEXT = 256;

/** Whether the place of a KEK is a descriptor that the process was started with, `fd:3`, and not a file. */
export function isDescriptor(place: string): boolean {
  return place.startsWith(PREFIX);
}

/**
 * Reads a KEK to the end of a pipe, a socket or a file that the process inherited, and closes it: 32 raw bytes, or what a
 * KEK file holds. Throws {@link KekError}: KEK_MISSING when nothing is open there.
 */
export async function readKekDescriptor(place: string): Promise<Kek> {
  const descriptor = Number(place.slice(PREFIX.length));
  const where = `KEK descriptor ${descriptor}`;
  const content = await readAll(descriptor, where);
  const kek = content.length === KEK_BYTES ? rawKek(content) : kekOfText(content, where);
  // Only when it held a KEK: what else has this number belongs to someone else, and a start that failed ends anyway.
  await promisify(close)(descriptor);
  return kek;
}

function rawKek(content: Buffer): Kek {
  try {
    return kekOf(content);
  } finally {
    content.fill(0);
  }
}

async function readAll(descriptor: number, where: string): Promise<Buffer> {
  const buffer = Buffer.alloc(LONGEST_KEK_TEXT);
  try {
    const stats = await promisify(fstat)(descriptor);
    if (!(stats.isFIFO() || stats.isSocket() || stats.isFile()))
      throw new KekError("KEK_UNREADABLE", `${where} is no pipe, socket or file`);
    if (stats.isFile() && isExposed(stats))
      throw new KekError("KEK_EXPOSED", `${where} is a file that is open to group or others: chmod 600 it`);
    let length = 0;
    for (let got = -1; got !== 0 && length < buffer.length; length += got)
      got = (await promisify(read)(descriptor, buffer, length, buffer.length - length, null)).bytesRead;
    return buffer.subarray(0, length);
  } catch (cause) {
    buffer.fill(0);
    throw cause instanceof KekError ? cause : descriptorRefused(cause, where);
  }
}

function descriptorRefused(cause: unknown, where: string): KekError {
  const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
  if (code === "EBADF") return new KekError("KEK_MISSING", `${where} is not open: start Signet with it`, { cause });
  return new KekError("KEK_UNREADABLE", `${where} can't be read: ${code}`, { cause });
}

/** The KEK of a base64url text, with white space after it. `where` names the place for messages. Overwrites what it reads. */
export function kekOfText(content: Buffer, where: string): Kek {
  const text = content.toString("latin1").trimEnd();
  content.fill(0);
  if (!/^[A-Za-z0-9_-]*$/.test(text))
    throw new KekError("KEK_ENCODING", `${where} must hold base64url text and nothing else`);
  const bytes = Buffer.from(text, "base64url");
  try {
    if (bytes.length !== KEK_BYTES)
      throw new KekError("KEK_LENGTH", `${where} holds ${bytes.length} bytes: it must hold ${KEK_BYTES} as base64url`);
    // Two texts for one key would hide a typing error.
    if (bytes.toString("base64url") !== text) throw new KekError("KEK_ENCODING", `${where} is not canonical base64url`);
    return kekOf(bytes);
  } finally {
    bytes.fill(0);
  }
}
