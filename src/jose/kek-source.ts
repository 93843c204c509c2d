import { randomBytes } from "node:crypto";
import { close, constants, fstat, read } from "node:fs";
import { access } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { promisify } from "node:util";
import { createFile } from "../files/durable.ts";
import { FileError, fileErrorOf } from "../files/file-error.ts";
import { readSecretFile, refuseExposedSecret } from "../files/private-path.ts";
import { KEK_BYTES, type Kek, KekError, type Keks, kekOf } from "./kek.ts";

/** Where the KEKs are. A place is a path, or `fd:N`: a descriptor that the process was started with. */
export interface KekFiles {
  /** The place of the KEK that seals and opens. */
  readonly file: string;
  /** The place of the earlier KEK, which only opens. */
  readonly previous: string | undefined;
  /** Whether a missing file may be created. */
  readonly create: boolean;
}

/**
 * Reads the KEKs. A missing file is created where that is allowed and nothing is sealed yet: a new KEK next to keys
 * that are sealed under another one would hide their loss. `onCreated` gets its path.
 *
 * @throws KekError
 */
export async function loadKeks(
  files: KekFiles,
  sealedBefore: boolean,
  onCreated: (file: string) => void,
): Promise<Keks> {
  const { file, previous, create } = files;
  const current = await load(file).catch(async (error: unknown) => {
    if (!isMissingFile(error, file)) throw error;
    if (sealedBefore) throw lostKek(file);
    if (!create) throw error;
    await createKekFile(file);
    onCreated(file);
    return load(file);
  });
  return previous === undefined ? [current] : [current, await load(previous)];
}

/**
 * Tries the KEKs as the first start would find them, and creates none. Resolves with whether that start would create
 * one. That start also creates the folder `data`.
 *
 * @throws KekError, or the FileError of a folder that takes no file
 */
export async function tryKeks({ file, previous, create }: KekFiles, data: string): Promise<boolean> {
  const missing = await load(file).then(
    () => false,
    (error: unknown) => {
      if (create && isMissingFile(error, file)) return true;
      throw error;
    },
  );
  if (missing) await requireFolder(file, data);
  if (previous !== undefined) await load(previous);
  return missing;
}

async function requireFolder(path: string, data: string): Promise<void> {
  const folder = dirname(resolve(path));
  await access(folder, constants.W_OK | constants.X_OK).catch((cause) => {
    if (codeOf(cause) !== "ENOENT") throw fileErrorOf(folder, cause);
    if (!`${folder}/`.startsWith(`${resolve(data)}/`)) throw fileError(cause, `KEK file ${path}`);
  });
}

function isMissingFile(error: unknown, place: string): boolean {
  return error instanceof KekError && error.code === "KEK_MISSING" && !isDescriptor(place);
}

function load(place: string): Promise<Kek> {
  return isDescriptor(place) ? loadKekDescriptor(place) : loadKek(place);
}

function lostKek(file: string): KekError {
  const message = `${file} is missing, and keys are sealed under it: put it back (a new one can't open them)`;
  return new KekError("KEK_MISSING", message);
}

/**
 * Reads a KEK: 32 bytes as base64url text in a file that only its owner, and perhaps a group of this process, may read.
 * Throws {@link KekError}.
 */
export async function loadKek(path: string): Promise<Kek> {
  const where = `KEK file ${path}`;
  const content = await readSecretFile(path).catch((cause) => {
    throw fileError(cause, where);
  });
  return parseKek(content, where);
}

/**
 * Creates a KEK file of mode 0600, durable when this resolves, and whole or not at all: a truncated one would make
 * every later start fail. Throws KEK_EXISTS rather than lose what is sealed under an existing one, and the FileError of
 * a folder or disk that takes no file.
 */
export async function createKekFile(path: string): Promise<void> {
  await createFile(path, `${randomBytes(KEK_BYTES).toString("base64url")}\n`).catch((cause) => {
    const code = codeOf(cause);
    if (code === "EEXIST")
      throw new KekError("KEK_EXISTS", `KEK file ${path} exists already and is never overwritten`, { cause });
    throw code === "ENOENT" ? fileError(cause, `KEK file ${path}`) : cause;
  });
}

function fileError(cause: unknown, where: string): KekError {
  const code = codeOf(cause);
  if (code === "ENOENT") return new KekError("KEK_MISSING", `${where}: there is no such file or folder`, { cause });
  const message = cause instanceof FileError ? `KEK file ${cause.message}` : `${where} can't be read: ${code}`;
  return new KekError(code === "EXPOSED" ? "KEK_EXPOSED" : "KEK_UNREADABLE", message, { cause });
}

const DESCRIPTOR_PREFIX = "fd:";
/** Longer than any KEK, so reading may stop here. */
const MAX_KEK_TEXT_BYTES = 256;

function isDescriptor(place: string): boolean {
  return place.startsWith(DESCRIPTOR_PREFIX);
}

/**
 * Reads a KEK to the end of an inherited pipe, socket or file, and closes it: 32 raw bytes, or the text of a KEK file.
 * Throws {@link KekError}: KEK_MISSING when the descriptor is not open.
 */
async function loadKekDescriptor(place: string): Promise<Kek> {
  const descriptor = Number(place.slice(DESCRIPTOR_PREFIX.length));
  const where = `KEK descriptor ${descriptor}`;
  const content = await readDescriptor(descriptor, where).catch((cause) => {
    throw cause instanceof KekError ? cause : descriptorError(cause, where);
  });
  const kek = content.length === KEK_BYTES ? rawKek(content) : parseKek(content, where);
  // Closed only when it held a KEK: another descriptor of this number is not ours, and a failed start ends the process.
  await promisify(close)(descriptor);
  return kek;
}

async function readDescriptor(descriptor: number, where: string): Promise<Buffer> {
  const stats = await promisify(fstat)(descriptor);
  if (!(stats.isFIFO() || stats.isSocket() || stats.isFile()))
    throw new KekError("KEK_UNREADABLE", `${where} is not a pipe, socket or file`);
  if (stats.isFile()) refuseExposedSecret(descriptor, stats);
  const buffer = Buffer.alloc(MAX_KEK_TEXT_BYTES);
  try {
    let length = 0;
    for (let got = -1; got !== 0 && length < buffer.length; length += got)
      got = (await promisify(read)(descriptor, buffer, length, buffer.length - length, null)).bytesRead;
    return buffer.subarray(0, length);
  } catch (error) {
    buffer.fill(0);
    throw error;
  }
}

function descriptorError(cause: unknown, where: string): KekError {
  if (cause instanceof FileError) return new KekError("KEK_EXPOSED", `${where}: ${cause.message}`, { cause });
  const code = codeOf(cause);
  if (code === "EBADF") return new KekError("KEK_MISSING", `${where} is not open: start Signet with it`, { cause });
  return new KekError("KEK_UNREADABLE", `${where} can't be read: ${code}`, { cause });
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && "code" in error ? error.code : undefined;
}

/** Overwrites what it reads. */
function rawKek(content: Buffer): Kek {
  try {
    return kekOf(content);
  } finally {
    content.fill(0);
  }
}

/**
 * The KEK of a base64url text, which white space may follow. `where` names the place in errors. Overwrites what it
 * reads.
 */
function parseKek(content: Buffer, where: string): Kek {
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
