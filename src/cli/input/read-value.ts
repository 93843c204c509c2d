import { createReadStream } from "node:fs";
import { folderError } from "../../files/file-error.ts";
import { EXIT, Failure, usageError } from "../failure.ts";
import type { Io } from "../io.ts";

const MIB = 1024 ** 2;
/** More than any file has that a command reads whole; the largest list thousands of logs. */
const MAX_FILE_BYTES = 16 * MIB;

/** Reads all of standard input as text, at most 1 MiB. On a terminal it first prints what it waits for. */
export async function readStdin({ stdin, stderr }: Io, what: string): Promise<string> {
  if (stdin.isTTY === true) stderr.write(`reading ${what} from standard input\n`);
  return (await readAll(stdin, MIB, `${what} on standard input`)).toString("utf8");
}

/** Reads the value of an option: the text itself, a file (`@path`) or standard input (`-`). */
export async function readValue(value: string, io: Io, what: string): Promise<string> {
  if (value === "-") return readStdin(io, what);
  return value.startsWith("@") ? readFileText(value.slice(1), `${what} from `) : value;
}

/**
 * Reads a file that the command line names, at most 16 MiB. Throws a usage error, whose cause is that of
 * the operating system; `what` is what is read from it.
 */
export async function readFileText(path: string, what = ""): Promise<string> {
  try {
    return (await readAll(createReadStream(path), MAX_FILE_BYTES, path)).toString("utf8");
  } catch (error) {
    if (!(error instanceof Error && "syscall" in error && "code" in error)) throw error;
    const message = error.code === "EISDIR" ? folderError(path).message : `cannot read ${what}${path}: ${error.code}`;
    throw new Failure({ code: "USAGE", message }, EXIT.failed, { cause: error });
  }
}

/** Reads all of a stream, which may be that of a device without an end. Throws a usage error that begins with `name`. */
export async function readAll(
  stream: AsyncIterable<Uint8Array | string>,
  maxBytes: number,
  name: string,
): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of stream) {
    chunks.push(Buffer.from(chunk as Uint8Array));
    size += chunk.length;
    if (size > maxBytes) throw usageError(`${name} is larger than ${maxBytes / MIB} MiB`);
  }
  return Buffer.concat(chunks);
}
