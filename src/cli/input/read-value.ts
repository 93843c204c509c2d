import { readFile } from "node:fs/promises";
import { usageError } from "../failure.ts";
import type { Io } from "../io.ts";

const MAX_BYTES = 1 << 20;

/** Reads all of standard input as text, at most 1 MiB. On a terminal it first prints what it waits for. */
export async function readStdin({ stdin, stderr }: Io, what: string): Promise<string> {
  if (stdin.isTTY === true) stderr.write(`reading ${what} from standard input\n`);
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of stdin) {
    chunks.push(Buffer.from(chunk));
    size += chunk.length;
    if (size > MAX_BYTES) throw usageError(`${what} on standard input is larger than 1 MiB`);
  }
  return Buffer.concat(chunks).toString("utf8");
}

/** Reads the value of an option: the text itself, a file (`@path`) or standard input (`-`). */
export async function readValue(value: string, io: Io, what: string): Promise<string> {
  if (value === "-") return readStdin(io, what);
  if (!value.startsWith("@")) return value;
  const path = value.slice(1);
  return readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    throw usageError(`cannot read ${what} from ${path}: ${error.code ?? "unknown error"}`);
  });
}
