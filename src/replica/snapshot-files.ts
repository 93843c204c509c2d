import { createHash } from "node:crypto";
import { mkdir, open, rename } from "node:fs/promises";
import { join } from "node:path";
import { writeDurably } from "../files/durable.ts";
import { StateError } from "../state/keyvalue.ts";

/** What a replica keeps of the shared state, in a folder of its own: what it starts from when the state is out of reach. */
export interface SnapshotFiles {
  /**
   * Undefined when there is none, and when it is damaged: then it is told and put aside. Throws {@link StateError}:
   * EXPOSED when group or others have any right to it, UNAVAILABLE when it can't be read.
   */
  load(name: string): Promise<Uint8Array | undefined>;
  /** Durable when it resolves; a crash leaves the old one or the new one. */
  save(name: string, content: Uint8Array): Promise<void>;
}

/** SHA-256 in hex, and a line break. */
const DIGEST_BYTES = 65;

/** Makes the folder where it is missing. `damaged` is told the file that is put aside. */
export async function openSnapshotFiles(folder: string, damaged: (file: string) => void): Promise<SnapshotFiles> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  return {
    async load(name) {
      const path = join(folder, name);
      const bytes = await readPrivate(path);
      if (bytes === undefined) return undefined;
      const content = bytes.subarray(DIGEST_BYTES);
      if (bytes.subarray(0, DIGEST_BYTES).equals(digestOf(content))) return content;
      await rename(path, `${path}.damaged`);
      damaged(path);
      return undefined;
    },
    save: (name, content) => writeDurably(folder, name, Buffer.concat([digestOf(content), content])),
  };
}

async function readPrivate(path: string): Promise<Buffer | undefined> {
  try {
    const file = await open(path, "r");
    try {
      // Of the open file, not of the path: nobody can exchange it in between.
      const { mode } = await file.stat();
      if ((mode & 0o077) !== 0) throw exposed(path);
      return await file.readFile();
    } finally {
      await file.close();
    }
  } catch (cause) {
    if (cause instanceof StateError) throw cause;
    if (cause instanceof Error && "code" in cause && cause.code === "ENOENT") return undefined;
    throw new StateError("UNAVAILABLE", `the snapshot ${path} can't be read`, { cause });
  }
}

function exposed(path: string): StateError {
  const message = `${path} is open to group or others: only its owner may have access (chmod 600 ${path})`;
  return new StateError("EXPOSED", message);
}

function digestOf(content: Uint8Array): Buffer {
  return Buffer.from(`${createHash("sha256").update(content).digest("hex")}\n`);
}
