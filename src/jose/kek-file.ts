import { randomBytes, randomUUID } from "node:crypto";
import { type FileHandle, link, open, unlink } from "node:fs/promises";
import { dirname } from "node:path";
import { type Kek, kekBytes } from "./kek.ts";
import { KekError } from "./kek-error.ts";
import { kekOfText } from "./kek-text.ts";

/** Reads a KEK: 32 bytes as base64url text in a file that only its owner may access. Throws {@link KekError}. */
export async function loadKek(path: string): Promise<Kek> {
  const file = await opened(path, "r", path);
  try {
    // Of the open file, not of the path: nobody can exchange it in between.
    const { mode } = await file.stat();
    if ((mode & 0o077) !== 0) {
      throw new KekError(
        "KEK_EXPOSED",
        `KEK file ${path} is open to group or others: only its owner may have access (chmod 600 ${path})`,
      );
    }
    const content = await file.readFile().catch((cause) => {
      throw refused(cause, path);
    });
    return kekOfText(content, `KEK file ${path}`);
  } finally {
    await file.close();
  }
}

/**
 * Makes a KEK file of mode 0600, durable when this resolves, and whole or not at all: a cut-off one would keep every later
 * start from succeeding. Throws KEK_EXISTS rather than lose what is sealed under it.
 */
export async function createKekFile(path: string): Promise<void> {
  const draft = `${path}.${randomUUID()}.new`;
  const file = await opened(draft, "wx", path);
  try {
    await file.writeFile(`${randomBytes(kekBytes).toString("base64url")}\n`);
    await file.sync();
    // Unlike a rename, it never replaces.
    await link(draft, path);
  } catch (cause) {
    throw refused(cause, path);
  } finally {
    await file.close();
    await unlink(draft);
  }
  const folder = await opened(dirname(path), "r", path);
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

async function opened(target: string, flags: "r" | "wx", path: string): Promise<FileHandle> {
  try {
    return await open(target, flags, 0o600);
  } catch (cause) {
    throw refused(cause, path);
  }
}

function refused(cause: unknown, path: string): KekError {
  const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
  if (code === "ENOENT")
    return new KekError("KEK_MISSING", `KEK file ${path}: there is no such file or folder`, { cause });
  if (code === "EEXIST")
    return new KekError("KEK_EXISTS", `KEK file ${path} exists already and is never overwritten`, { cause });
  return new KekError("KEK_UNREADABLE", `KEK file ${path} can't be read or made: ${code}`, { cause });
}
