import { createHash } from "node:crypto";
import { mkdir, rename } from "node:fs/promises";
import { join } from "node:path";
import { replaceFile } from "../files/durable.ts";
import { readPrivateFile } from "../files/private-file.ts";
import { StateError } from "../state/keyvalue.ts";

/** Copies of parts of the shared state, from which a replica starts when the state is unreachable. */
export interface SnapshotFiles {
  /**
   * Undefined when there is none. A damaged one is reported, renamed to `.damaged`, and counts as none. Throws
   * {@link StateError}: EXPOSED when group or others have any right to it, UNAVAILABLE when it can't be read.
   */
  load(name: string): Promise<Uint8Array | undefined>;
  /** Durable when it resolves. A crash leaves the old content or the new, never a mixture. */
  save(name: string, content: Uint8Array): Promise<void>;
}

/** The SHA-256 of the content in hex, and a line break. */
const DIGEST_BYTES = 65;

/** Creates the folder if it is missing. `onDamaged` gets the path of a damaged file. */
export async function openSnapshotFiles(folder: string, onDamaged: (file: string) => void): Promise<SnapshotFiles> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  return {
    async load(name) {
      const path = join(folder, name);
      const bytes = await readPrivate(path);
      if (bytes === undefined) return undefined;
      const content = bytes.subarray(DIGEST_BYTES);
      if (bytes.subarray(0, DIGEST_BYTES).equals(digestOf(content))) return content;
      await rename(path, `${path}.damaged`);
      onDamaged(path);
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
