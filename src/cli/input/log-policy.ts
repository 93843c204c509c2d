import { readFile } from "node:fs/promises";
import { type LogPolicy, PolicyError, parsePolicy } from "../../audit/checkpoint/policy.ts";
import { usageError } from "../failure.ts";

/** Reads the file of `--policy`; undefined without the option. Throws a usage error that names the file. */
export function readPolicy(path: string): Promise<LogPolicy>;
export function readPolicy(path: string | undefined): Promise<LogPolicy | undefined>;
export async function readPolicy(path: string | undefined): Promise<LogPolicy | undefined> {
  if (path === undefined) return undefined;
  const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    throw usageError(`cannot read ${path}: ${error.code ?? "unknown error"}`);
  });
  try {
    return parsePolicy(text);
  } catch (error) {
    if (error instanceof PolicyError) throw usageError(`${path} is no tlog-policy that can be used: ${error.message}`);
    throw error;
  }
}
