import { rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { KeyPolicy } from "../../../src/keys/rotating/policy.ts";
import { tempFolder } from "../files/temp.ts";
import { type RemoteService, startRemote } from "../service/remote-service.ts";
import type { Ending } from "../service/shared.ts";

/** A service with the clock that the file REPLICA_CLOCK sets, and the policy of keys in REPLICA_POLICY, if any. */
export const CLOCKED = fileURLToPath(new URL("../../fault/replicas/replica.ts", import.meta.url));

/** The clock of a service in a process of its own. */
export interface ClockFile {
  readonly path: string;
  /** Sets how far the clock is ahead of the machine's, in milliseconds. */
  runAhead(ms: number): Promise<void>;
  /** Stops the clock at this time, in Unix milliseconds. */
  standAt(ms: number): Promise<void>;
}

/** A clock that agrees with the machine's. */
export async function clockFile(t: Ending): Promise<ClockFile> {
  const path = join(await tempFolder(t), "clock");
  // Atomically, since the service may read it at any moment.
  async function write(text: string): Promise<void> {
    await writeFile(`${path}.new`, text);
    await rename(`${path}.new`, path);
  }
  await write("0");
  return { path, runAhead: (ms) => write(String(ms)), standAt: (ms) => write(`@${ms}`) };
}

/** Starts a service with this clock. `policy` replaces that of every keyset. */
export function startClocked(
  t: Ending,
  clock: ClockFile,
  { policy, env }: { readonly policy?: KeyPolicy; readonly env?: Readonly<Record<string, string>> } = {},
): Promise<RemoteService> {
  const settings = { REPLICA_CLOCK: clock.path, ...(policy && { REPLICA_POLICY: JSON.stringify(policy) }), ...env };
  return startRemote(t, { program: CLOCKED, env: settings });
}
