import { readFile } from "node:fs/promises";
import { usage } from "../failure.ts";
import type { Io } from "../io.ts";

const LIMIT = 1 << 20;

/** All of standard input as text. On a terminal it says that it waits, and for what. */
export async function readStdin({ stdin, stderr }: Io, what: string): Promise<string> {
  if (stdin.isTTY === true) stderr.write(`reading ${what} from standard input\n`);
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of stdin) {
    chunks.push(Buffer.from(chunk));
    size += chunk.length;
    if (size > LIMIT) throw usage(`${what} on standard input is larger than 1 MiB`);
  }
  return Buffer.concat(chunks).toString("utf8");
}

/** The value of an option that takes its text, a file (`@path`) or standard input (`-`). */
export async function readValue(value: string, io: Io, what: string): Promise<string> {
  if (value === "-") return readStdin(io, what);
  if (!value.startsWith("@")) return value;
  const path = value.slice(1);
  return readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    throw usage(`cannot read ${what} from ${path}: ${error.code ?? "unknown error"}`);
  });
}
