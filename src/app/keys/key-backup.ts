import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { type BackupContent, createBackup, readBackup, restoreBackup } from "../../backup/backup.ts";
import type { BackupTools } from "../../backup/proven-rings.ts";
import type { Config } from "../../config/config.ts";
import { counted } from "../../counted.ts";
import { createFile } from "../../files/durable.ts";
import { fileErrorOf } from "../../files/file-error.ts";
import { openDataFolder } from "../../files/private-path.ts";
import { loadKeks } from "../../jose/kek-source.ts";
import { createKeyVault, recordKeysOf } from "../../jose/key-vault.ts";
import { createSecretVault } from "../../jose/secret-vault.ts";
import { forgetGeneration } from "../../live/live-store.ts";
import { UNUSED_KEY } from "../../nats/attempt.ts";
import { createNatsKeyValue } from "../../nats/bucket/keyvalue.ts";
import { openWatchedLink } from "../../nats/watched-link.ts";
import { openFileKeyValue } from "../../state/file.ts";
import { type KeyValue, StateError } from "../../state/keyvalue.ts";

/** Told what is being done, in words for an operator. */
type Say = (doing: string) => void;

/** Copies the keys of the configured store into a new file. The service of a file store MUST NOT run. */
export async function exportKeys(
  config: Config,
  path: string,
  now: () => number,
  say: Say = () => {},
): Promise<BackupContent> {
  const tools = await toolsOf(config);
  return withStore(config, false, now, async (store) => {
    say("reading the store");
    const { file, ...content } = await createBackup(store, tools, now(), counting("opening the keys", say));
    await createFile(path, file);
    return content;
  });
}

/**
 * Opens every key of the configured store, and keeps nothing. Throws as {@link openOfflineStore}, KekError, and
 * as `createBackup` does.
 */
export async function proveKeys(config: Config, now: () => number): Promise<BackupContent> {
  const tools = await toolsOf(config);
  return withStore(config, false, now, (store) => createBackup(store, tools, now()));
}

/** Writes an export of {@link exportKeys} into the configured store. */
export async function restoreKeys(
  config: Config,
  path: string,
  now: () => number,
  say: Say = () => {},
): Promise<BackupContent> {
  // Before the store is opened and perhaps created: an invalid backup must leave no trace.
  const backup = await readBackup(await read(path), await toolsOf(config), counting("opening the keys", say));
  say("opening the store");
  return withStore(config, true, now, async (store) => {
    say("comparing the store with the file");
    const content = await restoreBackup(store, backup, now(), counting("writing the keys", say));
    await forgetGeneration(store);
    return content;
  });
}

function counting(doing: string, say: Say) {
  return (done: number, all: number) => say(`${doing}: ${done} of ${counted(all, "ring")}`);
}

async function read(path: string): Promise<Buffer> {
  return await readFile(path).catch((cause) => {
    throw fileErrorOf(path, cause);
  });
}

async function toolsOf({ kek }: Config): Promise<BackupTools> {
  // A new KEK could open nothing, so none is created.
  const keks = await loadKeks({ ...kek, create: false }, false, () => undefined);
  return { maker: createKeyVault(keks), vault: createSecretVault(keks), recordKeys: recordKeysOf(keks), randomBytes };
}

async function withStore<Result>(
  config: Config,
  create: boolean,
  now: () => number,
  work: (store: KeyValue) => Promise<Result>,
): Promise<Result> {
  const { store, close } = await openOfflineStore(config, create, now);
  try {
    return await work(store);
  } finally {
    await close();
  }
}

const CONNECT_MS = 10_000;
const CLOSE_MS = 1_000;

export interface OfflineStore {
  readonly store: KeyValue;
  close(): Promise<void>;
}

/**
 * Opens the configured store without a service. A file store MUST NOT be in use, and is created only if `create` is
 * true. Throws {@link StateError}, the StartError NATS_FILES, or the FileError of a data folder that can't be used.
 */
export async function openOfflineStore(config: Config, create: boolean, now: () => number): Promise<OfflineStore> {
  const { nats, state } = config;
  if (state.store === "file" || nats === undefined) return fileStore(config.data, create, now);
  const { link, close: closeLink } = await openWatchedLink(
    nats.access,
    { name: "signet keys", writes: UNUSED_KEY },
    () => undefined,
  );
  const close = () => closeLink(CLOSE_MS);
  try {
    await link.connected(AbortSignal.timeout(CONNECT_MS));
  } catch (cause) {
    await close();
    const reason = link.outage === undefined ? "" : ` (${link.outage})`;
    const message = `no NATS server of nats.url let this command in within ${CONNECT_MS} ms${reason}`;
    throw new StateError("UNAVAILABLE", message, { cause });
  }
  const { replicas } = nats;
  // What is left in a bucket that forgets can still be exported; nothing is restored into one.
  const strict = () => create;
  return { store: createNatsKeyValue(link, { replicas, now, report: () => undefined, strict }), close };
}

async function fileStore(data: string, create: boolean, now: () => number): Promise<OfflineStore> {
  const path = join(data, "state", "state.db");
  // A misspelt data folder must not look like an empty one.
  if (!create && !existsSync(path))
    throw new StateError("UNAVAILABLE", `there is no state at ${path} (state.store: file)`);
  openDataFolder(data);
  const store = await openFileKeyValue(path, now);
  return { store, close: async () => store.close() };
}
