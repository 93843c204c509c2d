import { randomUUID } from "node:crypto";
import { link, open, rename, unlink } from "node:fs/promises";
import { dirname, join } from "node:path";

/** Replaces a small file so that a crash at any moment leaves the old content or the new, and never none. Mode 0600. */
export async function writeDurably(folder: string, name: string, content: string | Uint8Array): Promise<void> {
  const temporary = join(folder, `${name}.new`);
  const file = await open(temporary, "w", 0o600);
  try {
    await file.writeFile(content);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(temporary, join(folder, name));
  await syncFolder(folder);
}

/** Makes the creations, renamings and removals in a folder durable: a file's own sync does not cover its name. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Makes a file of mode 0600, durable when this resolves, whole or not at all. Throws EEXIST rather than replace one. */
export async function writeNewFile(path: string, content: Uint8Array): Promise<void> {
  const draft = `${path}.${randomUUID()}.new`;
  const file = await open(draft, "wx", 0o600);
  try {
    await file.writeFile(content);
    await file.sync();
    // Unlike a rename, it never replaces.
    await link(draft, path);
  } finally {
    await file.close();
    await unlink(draft);
  }
  await syncFolder(dirname(path));
}
