import { createHash, randomUUID } from "node:crypto";
import { createReadStream } from "node:fs";
import { link, readdir, readFile, rm, stat, unlink } from "node:fs/promises";
import { join } from "node:path";
import { type ArchiveRecord, fileOf, numberIn, parseRecord, recordOf, recordText } from "../../audit/archive/record.ts";
import { createFile, syncFolder } from "../../files/durable.ts";
import { FileError, fileErrorOf } from "../../files/file-error.ts";

/** The folder of an archive can't be used as it is. */
export class ArchiveError extends Error {
  readonly code: "DAMAGED" | "BUSY";

  constructor(code: ArchiveError["code"], message: string) {
    super(message);
    this.code = code;
  }
}

/**
 * The files of an archive, and a record beside each. A file belongs to the archive from the moment at which its record
 * has its name: two archivers can't make the same number. What was killed before that leaves a draft, and the record
 * names the draft of a file that had not got its own name.
 */
export class ArchiveFolder {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  /** The record of the last file, which is whole and as it was written; undefined in an empty folder. */
  async last(): Promise<ArchiveRecord | undefined> {
    const names = await readdir(this.#path).catch((cause) => {
      throw fileErrorOf(this.#path, cause);
    });
    const number = Math.max(0, ...names.flatMap((name) => numberIn(name) ?? []));
    if (number === 0) return undefined;
    const record = parseRecord(await this.#reading(recordOf(number), (path) => readFile(path, "utf8")));
    if (record?.number !== number) throw this.#damaged(recordOf(number), "is not a record of this archive");
    await this.#finish(record);
    const sha256 = await this.#reading(fileOf(number), sha256Of);
    if (sha256 !== record.sha256) throw this.#damaged(fileOf(number), "is not the file that was written");
    return record;
  }

  /** The path of a new draft, for the file with this number. */
  draft(number: number): string {
    return join(this.#path, `${fileOf(number)}.${randomUUID()}.new`);
  }

  /** Makes a synced draft a file of the archive, durably. */
  async add(record: ArchiveRecord): Promise<string> {
    try {
      await createFile(join(this.#path, recordOf(record.number)), recordText(record));
    } catch (error) {
      if (error instanceof FileError && error.code === "EEXIST")
        throw new ArchiveError("BUSY", `another archiver has written ${recordOf(record.number)} meanwhile`);
      throw error;
    }
    await this.#finish(record);
    return fileOf(record.number);
  }

  /** Gives the file its name, unless it has it. */
  async #finish({ number, draft }: ArchiveRecord): Promise<void> {
    const [from, to] = [join(this.#path, draft), join(this.#path, fileOf(number))];
    if (await isThere(to)) await rm(from, { force: true });
    else if (await isThere(from)) {
      await this.#reading(draft, (path) => link(path, to));
      await unlink(from);
    } else throw this.#damaged(fileOf(number), "is missing, and must stay beside its record while it is the last one");
    await syncFolder(this.#path);
  }

  async #reading<Result>(name: string, read: (path: string) => Promise<Result>): Promise<Result> {
    const path = join(this.#path, name);
    return read(path).catch((cause) => {
      throw fileErrorOf(path, cause);
    });
  }

  #damaged(name: string, what: string): ArchiveError {
    return new ArchiveError("DAMAGED", `${join(this.#path, name)} ${what}: nothing is removed from the stream`);
  }
}

async function isThere(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return false;
      throw fileErrorOf(path, error);
    },
  );
}

async function sha256Of(path: string): Promise<string> {
  const digest = createHash("sha256");
  for await (const chunk of createReadStream(path)) digest.update(chunk);
  return digest.digest("base64");
}
