import {
  accessSync,
  constants,
  mkdirSync,
  readdirSync,
  readlinkSync,
  realpathSync,
  type Stats,
  statSync,
} from "node:fs";
import { type FileHandle, open, readFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { type AccessFault, type Allowed, accessFaults, replacementFaults, type Self, secretFaults } from "./access.ts";
import { FileError, fileErrorOf, folderError } from "./file-error.ts";

/** A longer message would hide its beginning. */
const MAX_FAULTS = 5;

/** Creates a folder (0700), and those above it, where they are missing. Throws a {@link FileError}. */
export function createFolder(folder: string): void {
  naming(folder, () => makeFolder(folder));
}

/**
 * Creates the data folder (0700) if it is missing. Throws a {@link FileError}: EXPOSED when another user may write to
 * it or replace it.
 */
export function openDataFolder(folder: string): void {
  naming(folder, () => {
    makeFolder(folder);
    refuse([...faultsOf(folder, "entrance"), ...replacementsOf(folder)]);
  });
}

/**
 * Creates a folder of the data folder (0700) if it is missing. Throws a {@link FileError}: EXPOSED when others have any
 * access to it or to a file in it whose name matches `files`; else the reason why this process can't read it or write
 * to it.
 */
export function openPrivateFolder(folder: string, files: RegExp): void {
  naming(folder, () => {
    makeFolder(folder);
    const names = readdirSync(folder).filter((name) => files.test(name));
    refuse([folder, ...names.map((name) => join(folder, name))].flatMap((path) => faultsOf(path, "private")));
    accessSync(folder, constants.R_OK | constants.W_OK | constants.X_OK);
  });
}

/** Reads a file with a secret. Rejects with a FileError: EXPOSED when another user may read, write or replace it. */
export async function readSecretFile(path: string): Promise<Buffer> {
  let file: FileHandle | undefined;
  try {
    file = await open(path, "r");
    // Of the OPEN file: the one at the path may be replaced before it is read.
    const stats = await file.stat();
    if (stats.isDirectory()) throw folderError(path);
    refuse([...secretFaults(path, stats, folderOf(realPath(path)), self()), ...replacementsOf(path)]);
    return await file.readFile();
  } catch (cause) {
    throw fileErrorOf(path, cause);
  } finally {
    await file?.close();
  }
}

/** Reads a file that anyone may read. Rejects with a FileError: EXPOSED when another user may write or replace it. */
export async function readPublicFile(path: string): Promise<Buffer> {
  try {
    const content = await readFile(path);
    refuse(publicFaults(path));
    return content;
  } catch (cause) {
    throw fileErrorOf(path, cause);
  }
}

/** Throws EXPOSED when another user may read or write the file with a secret that is open as a descriptor. */
export function refuseExposedSecret(descriptor: number, stats: Stats): void {
  const path = pathOf(descriptor);
  refuse(secretFaults(path, stats, folderOf(path), self()));
}

/**
 * Why others may change or replace a file or folder that anyone may read. Empty where there is none, and on a mount
 * that is read-only for this process: Kubernetes mounts a ConfigMap so, in a folder of mode 0777.
 */
export function publicFaults(path: string): AccessFault[] {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (stats === undefined || !(stats.isFile() || stats.isDirectory())) return [];
  return [...(isReadOnly(path) ? [] : faultsOf(path, "public")), ...replacementsOf(path)];
}

/**
 * Throws a {@link FileError}: EXPOSED when others may replace a Unix socket, and so receive the calls that are meant
 * for this process; else the reason why its folder can't be used.
 */
export function refuseReplaceableSocket(path: string): void {
  const folder = dirname(resolve(path));
  // Binding would say EACCES, also of a folder that does not exist.
  naming(folder, () => {
    const stats = statSync(folder);
    refuse([...(isReadOnly(folder) ? [] : replacementFaults(folder, stats)), ...replacementsOf(folder)]);
  });
}

function faultsOf(path: string, allowed: Allowed): AccessFault[] {
  // It may have been removed since its folder was read.
  const stats = statSync(path, { throwIfNoEntry: false });
  return stats === undefined ? [] : accessFaults(path, stats, allowed, self());
}

/** The folders where others could replace a path, or a part of it: as it is written, and where its links lead. */
function replacementsOf(path: string): AccessFault[] {
  const above = new Set([...foldersAbove(resolve(path)), ...foldersAbove(realPath(path))]);
  return [...above].flatMap((folder) => (isReadOnly(folder) ? [] : replacementFaults(folder, statSync(folder))));
}

function foldersAbove(path: string): string[] {
  const folder = dirname(path);
  return folder === path ? [] : [folder, ...foldersAbove(folder)];
}

/** A pipe has a name in /dev/fd, which leads nowhere. */
function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return resolve(path);
  }
}

function pathOf(descriptor: number): string {
  try {
    return readlinkSync(`/proc/self/fd/${descriptor}`);
  } catch {
    return `descriptor ${descriptor}`;
  }
}

/** Undefined when this process can't see it: another one may have opened a descriptor. */
function folderOf(path: string): Stats | undefined {
  try {
    return statSync(dirname(path));
  } catch {
    return undefined;
  }
}

/** Whether a path that its mode lets this process write is on a mount that does not. */
function isReadOnly(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    return false;
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EROFS";
  }
}

/** As `mkdir -p`. Node's own recursion reports a read-only file system as ENOENT, and never ends in /proc. */
function makeFolder(folder: string): void {
  if (isFolder(folder)) return;
  if (dirname(folder) !== folder) makeFolder(dirname(folder));
  try {
    mkdirSync(folder, { mode: 0o700 });
  } catch (error) {
    // Another process may have created it meanwhile.
    if (!isFolder(folder)) throw error;
  }
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}

function refuse(faults: readonly AccessFault[]): void {
  if (faults.length === 0) return;
  const texts = faults.slice(0, MAX_FAULTS).map(({ path, message }) => `${path} ${message}`);
  const more = faults.length > MAX_FAULTS ? [`and ${faults.length - MAX_FAULTS} more`] : [];
  throw new FileError("EXPOSED", [...texts, ...more].join("; "));
}

function self(): Self {
  const gid = process.getegid?.() ?? 0;
  return { uid: process.geteuid?.() ?? 0, groups: [...new Set([gid, ...(process.getgroups?.() ?? [])])] };
}

function naming(path: string, work: () => void): void {
  try {
    work();
  } catch (cause) {
    throw fileErrorOf(path, cause);
  }
}
