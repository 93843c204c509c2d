import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import type { Config } from "../config/config.ts";
import { loadKeks } from "../jose/load-keks.ts";
import { createSecretVault } from "../jose/secret-vault.ts";
import { createVault, recordKeysOf } from "../jose/vault.ts";
import { type BackupContent, makeBackup, readBackup, restoreBackup } from "../keyring/backup.ts";
import type { BackupTools } from "../keyring/backup-rings.ts";
import type { KeyValue } from "../state/keyvalue.ts";
import { writeNewFile } from "./new-file.ts";
import { openOfflineStore } from "./offline-store.ts";

/** Copies the keys of the configured store into a new file. The service of a file store MUST NOT run. */
export async function exportKeys(config: Config, path: string, now: () => number): Promise<BackupContent> {
  const tools = await toolsOf(config);
  return withStore(config, false, now, async (store) => {
    const { file, ...content } = await makeBackup(store, tools, now());
    await writeNewFile(path, file);
    return content;
  });
}

/** Puts what {@link exportKeys} wrote into the configured store. */
export async function restoreKeys(config: Config, path: string, now: () => number): Promise<BackupContent> {
  // Before the store is opened, and made: a backup that is none leaves no trace.
  const backup = await readBackup(await readFile(path), await toolsOf(config));
  return withStore(config, true, now, (store) => restoreBackup(store, backup, now()));
}

async function toolsOf({ kek }: Config): Promise<BackupTools> {
  // Never a new one: it could open nothing.
  const keks = await loadKeks({ ...kek, create: false }, false, () => undefined);
  return { maker: createVault(keks), vault: createSecretVault(keks), recordKeys: recordKeysOf(keks), randomBytes };
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
