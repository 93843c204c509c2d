import { type LogPolicy, PolicyError, parsePolicy } from "../../audit/checkpoint/policy.ts";
import { usageError } from "../failure.ts";
import { readFileText } from "./read-value.ts";

/** Reads the file of `--policy`; undefined without the option. Throws a usage error that names the file. */
export function readPolicy(path: string): Promise<LogPolicy>;
export function readPolicy(path: string | undefined): Promise<LogPolicy | undefined>;
export async function readPolicy(path: string | undefined): Promise<LogPolicy | undefined> {
  if (path === undefined) return undefined;
  const text = await readFileText(path);
  try {
    return parsePolicy(text);
  } catch (error) {
    if (error instanceof PolicyError) throw usageError(`${path} is no tlog-policy that can be used: ${error.message}`);
    throw error;
  }
}
