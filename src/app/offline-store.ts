import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Config } from "../config/config.ts";
import { NatsLink } from "../nats/connect.ts";
import { createNatsKeyValue } from "../nats/keyvalue.ts";
import { openFileKeyValue } from "../state/file.ts";
import { type KeyValue, StateError } from "../state/keyvalue.ts";

const CONNECT_MS = 10_000;
const CLOSE_MS = 1_000;

export interface OfflineStore {
  readonly store: KeyValue;
  close(): Promise<void>;
}

/**
 * The configured store without a service around it. Where it is a file it MUST NOT be in use, and is made only where
 * `create` says so. Throws {@link StateError}.
 */
export async function openOfflineStore(config: Config, create: boolean, now: () => number): Promise<OfflineStore> {
  const { nats, state } = config;
  if (state.store === "file" || nats === undefined)
    return fileStore(join(config.data, "state", "state.db"), create, now);
  const link = new NatsLink({ servers: nats.url, name: "signet keys" }, () => undefined);
  const close = () => link.close(CLOSE_MS);
  try {
    await link.connected(AbortSignal.timeout(CONNECT_MS));
  } catch (cause) {
    await close();
    throw new StateError("UNAVAILABLE", `the NATS server of nats.url does not answer within ${CONNECT_MS} ms`, {
      cause,
    });
  }
  return { store: createNatsKeyValue(link, { replicas: nats.replicas, now, report: () => undefined }), close };
}

function fileStore(path: string, create: boolean, now: () => number): OfflineStore {
  // A misspelt data folder must not look like an empty one.
  if (!create && !existsSync(path))
    throw new StateError("UNAVAILABLE", `there is no state at ${path} (state.store: file)`);
  const store = openFileKeyValue(path, now);
  return { store, close: async () => store.close() };
}
