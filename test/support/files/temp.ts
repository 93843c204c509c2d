import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ExecutionContext } from "ava";

/** A new folder, removed after the test. */
export async function tempFolder(t: Pick<ExecutionContext<unknown>, "teardown">): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "signet-test-"));
  // A thread that was ended a moment ago may still have made a file.
  t.teardown(() => rm(folder, { recursive: true, force: true, maxRetries: 20 }));
  return folder;
}
