import { type FileHandle, open, rm } from "node:fs/promises";
import { fileErrorOf } from "../../files/file-error.ts";

const BLOCK_BYTES = 256 * 1024;

/** A file of lines that is not part of the archive yet. */
export class Draft {
  readonly path: string;
  readonly #file: FileHandle;
  #waiting: Buffer[] = [];
  #waitingBytes = 0;
  /** How many bytes were added. */
  bytes = 0;

  private constructor(path: string, file: FileHandle) {
    this.path = path;
    this.#file = file;
  }

  static async open(path: string): Promise<Draft> {
    return new Draft(path, await open(path, "wx", 0o600).catch((cause) => Promise.reject(fileErrorOf(path, cause))));
  }

  async add(line: string): Promise<void> {
    const bytes = Buffer.from(`${line}\n`);
    this.#waiting.push(bytes);
    this.#waitingBytes += bytes.length;
    this.bytes += bytes.length;
    if (this.#waitingBytes >= BLOCK_BYTES) await this.#write();
  }

  /** Cuts the file off, and makes it durable. */
  async finish(bytes: number): Promise<void> {
    await this.#write();
    await this.#naming(async () => {
      await this.#file.truncate(bytes);
      await this.#file.sync();
      await this.#file.close();
    });
    this.bytes = bytes;
  }

  async discard(): Promise<void> {
    await this.#file.close().catch(() => {});
    await rm(this.path, { force: true });
  }

  async #write(): Promise<void> {
    const blocks = this.#waiting;
    this.#waiting = [];
    this.#waitingBytes = 0;
    await this.#naming(() => this.#file.writeFile(Buffer.concat(blocks)));
  }

  async #naming(work: () => Promise<unknown>): Promise<void> {
    await work().catch((cause) => {
      throw fileErrorOf(this.path, cause);
    });
  }
}
