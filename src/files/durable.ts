import { randomUUID } from "node:crypto";
import { type FileHandle, link, open, rename, unlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { draftErrorOf } from "./file-error.ts";

/**
 * Replaces a small file, mode 0600. A crash at any moment leaves either the old content or the new. Rejects with a
 * FileError, as all functions here do.
 */
export async function replaceFile(folder: string, name: string, content: string | Uint8Array): Promise<void> {
  await replaceFileWith(folder, name, (file) => file.writeFile(content));
}

/** As {@link replaceFile}, for a file that `write` fills part by part. */
export async function replaceFileWith(
  folder: string,
  name: string,
  write: (file: FileHandle) => Promise<void>,
): Promise<void> {
  const path = join(folder, name);
  await naming(path, async () => {
    const draft = `${path}.new`;
    await writeSynced(draft, write);
    await rename(draft, path);
  });
  await syncFolder(folder);
}

/** Creates a file of mode 0600, whole or not at all, and durably. EEXIST rather than replace an existing one. */
export async function createFile(path: string, content: string | Uint8Array): Promise<void> {
  await createFileWith(path, (draft) => writeSynced(draft, (file) => file.writeFile(content)));
}

/** As {@link createFile}, but `write` fills and syncs an empty file of mode 0600, which then gets its name. */
export async function createFileWith(path: string, write: (draft: string) => Promise<void> | void): Promise<void> {
  await naming(path, async () => {
    const draft = `${path}.${randomUUID()}.new`;
    await (await open(draft, "wx", 0o600)).close();
    try {
      await write(draft);
      // Unlike a rename, a link never replaces a file.
      await link(draft, path);
    } finally {
      await unlink(draft);
    }
  });
  await syncFolder(dirname(path));
}

/** Makes created, renamed and removed names in a folder durable: syncing a file does not sync its name. */
export async function syncFolder(folder: string): Promise<void> {
  await naming(folder, async () => {
    const handle = await open(folder, "r");
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  });
}

async function writeSynced(path: string, write: (file: FileHandle) => Promise<void>): Promise<void> {
  const file = await open(path, "w", 0o600);
  try {
    await write(file);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function naming(path: string, work: () => Promise<void>): Promise<void> {
  await work().catch((cause) => {
    throw draftErrorOf(path, cause);
  });
}
