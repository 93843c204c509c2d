import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";

const SCRIPT = join(import.meta.dirname, "../tools.sh");

/**
 * The path of a tool; undefined when it is missing, after scripts/tools.sh has said on standard error how to get it.
 * `fetch: false` only looks on PATH and in .tools/bin. Rejects with the signal's reason when it aborts.
 */
export async function findTool(
  name: string,
  signal: AbortSignal,
  { fetch }: { readonly fetch: boolean },
): Promise<string | undefined> {
  const script = promisify(execFile)(SCRIPT, [...(fetch ? [] : ["--no-fetch"]), name], { signal });
  script.child.stderr?.pipe(process.stderr);
  try {
    return (await script).stdout.trim();
  } catch (error) {
    signal.throwIfAborted();
    // A numeric code is the script's own exit code, which it has explained; anything else is a bug here.
    if (error instanceof Error && "code" in error && typeof error.code === "number") return undefined;
    throw error;
  }
}
