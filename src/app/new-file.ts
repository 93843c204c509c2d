import { randomUUID } from "node:crypto";
import { link, open, unlink } from "node:fs/promises";
import { dirname } from "node:path";
import { syncFolder } from "../audit/durable-file.ts";

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
