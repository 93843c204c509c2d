import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";

const SCRIPT = join(import.meta.dirname, "../tools.sh");

/** The path of a tool that is here or could be fetched; undefined after telling how to get it. Aborts with the signal. */
export async function findTool(name: string, signal: AbortSignal): Promise<string | undefined> {
  const script = promisify(execFile)(SCRIPT, [name], { signal });
  script.child.stderr?.pipe(process.stderr);
  try {
    return (await script).stdout.trim();
  } catch (error) {
    signal.throwIfAborted();
    // The script has told why on standard error; anything but its own exit is a fault of ours.
    if (error instanceof Error && "code" in error && typeof error.code === "number") return undefined;
    throw error;
  }
}
