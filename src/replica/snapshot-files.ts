import { createHash } from "node:crypto";
import { mkdir, rename } from "node:fs/promises";
import { join } from "node:path";
import { replaceFile } from "../files/durable.ts";
import { readPrivateFile } from "../files/private-file.ts";
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
    save: (name, content) => replaceFile(folder, name, Buffer.concat([digestOf(content), content])),
  };
}

async function readPrivate(path: string): Promise<Buffer | undefined> {
  try {
    return await readPrivateFile(path, (text) => new StateError("EXPOSED", text));
  } catch (cause) {
    if (cause instanceof StateError) throw cause;
    if (cause instanceof Error && "code" in cause && cause.code === "ENOENT") return undefined;
    throw new StateError("UNAVAILABLE", `the snapshot ${path} can't be read`, { cause });
  }
}

function digestOf(content: Uint8Array): Buffer {
  return Buffer.from(`${createHash("sha256").update(content).digest("hex")}\n`);
}
