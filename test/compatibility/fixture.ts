import { chmod, cp, readdir } from "node:fs/promises";
import { join } from "node:path";
import type { ExecutionContext } from "ava";
import { tempFolder } from "../support/files/temp.ts";

/** With what every set was made. */
export const ISSUER = { SIGNET_ISSUER: "https://tokens.example" };
export const USER = { org_id: "8069", project_id: "p1", user_id: "u1" };

/** How long after the previous version stopped this one starts. */
const LATER_MS = 1_000;

/** A copy of a folder of a set with the modes that the service gives its files: git stores none of them. */
export async function copyOf(t: ExecutionContext, set: string, name: string): Promise<string> {
  const copy = join(await tempFolder(t), name);
  await cp(join(import.meta.dirname, set, name), copy, { recursive: true });
  for (const entry of await readdir(copy, { recursive: true, withFileTypes: true }))
    await chmod(join(entry.parentPath, entry.name), entry.isDirectory() ? 0o700 : 0o600);
  return copy;
}

/** A lease of 30 s and tokens of a minute must not end before a busy machine has looked at them. */
const SLOWNESS = 20;

/** A slow clock that goes on from where the previous version stopped. */
export function clockAfter(stoppedAt: number): () => number {
  const from = performance.now();
  return () => Math.floor(stoppedAt + LATER_MS + (performance.now() - from) / SLOWNESS);
}
