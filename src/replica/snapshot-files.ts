import { createHash, type Hash } from "node:crypto";
import { type FileHandle, open, rename } from "node:fs/promises";
import { join } from "node:path";
import { createQueue, type Queue } from "../async/queue.ts";
import { replaceFile, replaceFileWith } from "../files/durable.ts";
import { FileError } from "../files/file-error.ts";
import { openPrivateFolder } from "../files/private-path.ts";
import { StateError } from "../state/keyvalue.ts";

/** Copies of parts of the shared state, from which a replica starts when the state is unreachable. */
export interface SnapshotFiles {
  /**
   * Undefined when there is none. A damaged one is reported, renamed to `.damaged`, and counts as none. Throws
   * {@link StateError} UNAVAILABLE when it can't be read.
   */
  load(name: string): Promise<Uint8Array | undefined>;
  /** Durable when it resolves. A crash leaves the old content or the new, never a mixture. */
  save(name: string, content: Uint8Array): Promise<void>;
  /**
   * As {@link load}, for a file that need not fit into memory: calls `onLine` with each line of an intact one. Resolves
   * with whether there was one.
   */
  loadLines(name: string, onLine: (line: string) => void): Promise<boolean>;
  /** As {@link save}. Each text of `parts` is any number of whole lines. */
  saveLines(name: string, parts: AsyncIterable<string>): Promise<void>;
}

/** The SHA-256 of the content in hex, and a line break. */
const DIGEST_BYTES = 65;
const PART_BYTES = 64 * 1024;

/**
 * Creates the folder if it is missing. `onDamaged` gets the path of a damaged file. Throws {@link StateError}: EXPOSED
 * when others have any access to a snapshot or the folder, UNAVAILABLE when the folder can't be used.
 */
export async function openSnapshotFiles(folder: string, onDamaged: (file: string) => void): Promise<SnapshotFiles> {
  openFolder(folder);
  const saves = new Map<string, Queue>();

  /** One at a time of a name: two would write into one draft, and one of them would take it away from the other. */
  function saveInTurn(name: string, save: () => Promise<void>): Promise<void> {
    const queue = saves.get(name) ?? createQueue();
    saves.set(name, queue);
    return queue.run(save);
  }

  async function loadLines(name: string, onLine: (line: string) => void): Promise<boolean> {
    const path = join(folder, name);
    const intact = await readIfExists(path, async (file) => {
      const good = await digestFits(file);
      if (good) for await (const line of file.readLines({ start: DIGEST_BYTES, autoClose: false })) onLine(line);
      return good;
    });
    if (intact === false) {
      await rename(path, `${path}.damaged`);
      onDamaged(path);
    }
    return intact === true;
  }

  async function writeLines(name: string, parts: AsyncIterable<string>): Promise<void> {
    await replaceFileWith(folder, name, async (file) => {
      const hash = createHash("sha256");
      // Its place is kept free until everything is known.
      let end = DIGEST_BYTES;
      for await (const text of parts) {
        const part = Buffer.from(text);
        hash.update(part);
        await file.write(part, 0, part.byteLength, end);
        end += part.byteLength;
      }
      await file.write(headOf(hash), 0, DIGEST_BYTES, 0);
    });
  }

  return {
    loadLines,
    saveLines: (name, parts) => saveInTurn(name, () => writeLines(name, parts)),
    async load(name) {
      const path = join(folder, name);
      const bytes = await readIfExists(path, (file) => file.readFile());
      if (bytes === undefined) return undefined;
      const content = bytes.subarray(DIGEST_BYTES);
      if (bytes.subarray(0, DIGEST_BYTES).equals(digestOf(content))) return content;
      await rename(path, `${path}.damaged`);
      onDamaged(path);
      return undefined;
    },
    save: (name, content) =>
      saveInTurn(name, () => replaceFile(folder, name, Buffer.concat([digestOf(content), content]))),
  };
}

function openFolder(folder: string): void {
  try {
    openPrivateFolder(folder, /(?<!\.damaged)$/);
  } catch (cause) {
    if (!(cause instanceof FileError)) throw cause;
    throw new StateError(cause.code === "EXPOSED" ? "EXPOSED" : "UNAVAILABLE", cause.message, { cause });
  }
}

/** Undefined when there is none. */
async function readIfExists<Result>(
  path: string,
  read: (file: FileHandle) => Promise<Result>,
): Promise<Result | undefined> {
  let file: FileHandle | undefined;
  try {
    file = await open(path, "r");
    return await read(file);
  } catch (cause) {
    if (cause instanceof StateError) throw cause;
    if (cause instanceof Error && "code" in cause && cause.code === "ENOENT") return undefined;
    throw new StateError("UNAVAILABLE", `the snapshot ${path} can't be read`, { cause });
  } finally {
    await file?.close();
  }
}

async function digestFits(file: FileHandle): Promise<boolean> {
  const hash = createHash("sha256");
  const part = Buffer.alloc(PART_BYTES);
  const head = Buffer.alloc(DIGEST_BYTES);
  await file.read(head, 0, DIGEST_BYTES, 0);
  for (let at = DIGEST_BYTES; ; ) {
    const { bytesRead } = await file.read(part, 0, PART_BYTES, at);
    if (bytesRead === 0) return head.equals(headOf(hash));
    hash.update(part.subarray(0, bytesRead));
    at += bytesRead;
  }
}

function digestOf(content: Uint8Array): Buffer {
  return headOf(createHash("sha256").update(content));
}

function headOf(hash: Hash): Buffer {
  return Buffer.from(`${hash.digest("hex")}\n`);
}
