import { createReadStream } from "node:fs";
import { fileErrorOf } from "../../files/file-error.ts";
import { Failure } from "../failure.ts";
import type { Io } from "../io.ts";

/** How messages name a file: `-` is standard input. */
export function nameOf(file: string): string {
  return file === "-" ? "standard input" : file;
}

/**
 * The files in chunks of whole lines, each with the number of its file.
 *
 * @throws FileError, and Failure UNREADABLE for a line that is too long, and for what begins as no exported file does
 */
export async function* chunksOf(files: readonly string[], io: Io) {
  const { chunksOfLines, LineTooLong } = await import("../../verify-thread/lines.ts");
  for (const [source, file] of files.entries()) {
    const bytes = file === "-" ? io.stdin : createReadStream(file, { highWaterMark: 1024 ** 2 });
    try {
      let isFirst = true;
      for await (const chunk of chunksOfLines(bytes)) {
        if (isFirst) refuseForeign(file, chunk);
        isFirst = false;
        yield { source, chunk };
      }
    } catch (cause) {
      if (cause instanceof LineTooLong)
        throw new Failure({ code: "UNREADABLE", message: `${nameOf(file)}: ${cause.message}` });
      throw fileErrorOf(file, cause);
    }
  }
}

/** How what is no exported file begins, and what to do. */
const FOREIGN = [
  [[0x1f, 0x8b], "is compressed with gzip: unpack it first"],
  [[0x28, 0xb5, 0x2f, 0xfd], "is compressed with zstd: unpack it first"],
  [[0xef, 0xbb, 0xbf], "begins with a byte order mark, which is no part of an event: remove it"],
] as const;

function refuseForeign(file: string, first: Uint8Array): void {
  for (const [magic, what] of FOREIGN)
    if (magic.every((byte, at) => first[at] === byte))
      throw new Failure({ code: "UNREADABLE", message: `${nameOf(file)} ${what}` });
}

const LINE_BREAK = 10;

/** The lines of the files, one by one. */
export async function* linesIn(files: readonly string[], io: Io): AsyncGenerator<Buffer> {
  for await (const { chunk } of chunksOf(files, io)) {
    const bytes = Buffer.from(chunk.buffer);
    for (let start = 0; start < bytes.length; ) {
      const found = bytes.indexOf(LINE_BREAK, start);
      const end = found === -1 ? bytes.length : found;
      yield bytes.subarray(start, end);
      start = end + 1;
    }
  }
}
