import { readdir, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { type VerifierKey, verifierKeyText } from "../audit/checkpoint/note.ts";
import { AuditError } from "../audit/event.ts";
import { replaceFile, syncFolder } from "../files/durable.ts";
import { fileErrorOf } from "../files/file-error.ts";
import { type AuditKey, makeAuditKey, openAuditKey, resealAuditKey, type StoredAuditKey } from "../jose/audit-key.ts";
import type { Keks } from "../jose/kek.ts";
import { KeyringError } from "../keys/error.ts";

/** The key of a writer, ready to sign its checkpoints. */
export interface WriterKey extends VerifierKey {
  readonly sign: AuditKey["sign"];
}

const SUFFIX = ".audit-key.json";

/** The audit keys in a spool's folder, one a writer, sealed under the KEK. */
export class WriterKeys {
  readonly #folder: string;
  readonly #host: string;
  readonly #keks: Keks;

  /** `host` is that of the issuer, with its port if it has one. */
  constructor(folder: string, host: string, keks: Keks) {
    this.#folder = folder;
    this.#host = host;
    this.#keks = keks;
  }

  /**
   * The origin and the verifier key of a writer, whose key is made at the first call. It is durable when this resolves:
   * a log must never begin with a key that a crash takes away. Throws an AuditError UNAVAILABLE, and a KeyringError.
   */
  async logOf(writer: string): Promise<{ readonly origin: string; readonly verifierKey: string }> {
    const stored = (await readKey(this.#folder, nameOf(writer))) ?? (await this.#make(writer));
    return { origin: stored.origin, verifierKey: verifierKeyText(publicOf(stored)) };
  }

  /** The key of a writer; undefined where there is none. Throws as {@link logOf} does. */
  async open(writer: string): Promise<WriterKey | undefined> {
    const stored = await readKey(this.#folder, nameOf(writer));
    if (stored === undefined) return undefined;
    const { sign } = await openAuditKey(stored, this.#keks);
    return { ...publicOf(stored), sign };
  }

  /** Removes the key of a writer that signs no more. */
  async remove(writer: string): Promise<void> {
    await rm(join(this.#folder, nameOf(writer)), { force: true });
  }

  /** Removes the keys of all other writers. */
  async keepOnly(writers: readonly string[]): Promise<void> {
    const kept = writers.map(nameOf);
    for (const name of await keyNames(this.#folder))
      if (!kept.includes(name)) await rm(join(this.#folder, name), { force: true });
  }

  async #make(writer: string): Promise<StoredAuditKey> {
    const key = await makeAuditKey(`${this.#host}/audit/${writer}`, this.#keks);
    await writeKey(this.#folder, nameOf(writer), key);
    return key;
  }
}

/** Whether a spool's folder has an audit key: a new KEK would hide its loss. */
export async function holdsAuditKeys(folder: string): Promise<boolean> {
  return (await keyNames(folder)).length > 0;
}

/**
 * Opens every audit key of a spool's folder, and seals it under the first KEK where it was sealed under an earlier one.
 * Throws a KeyringError WRONG_KEK for a key of another KEK, as for every key; with `loseUnknown` it is put aside instead,
 * since the operator has accepted that all keys under that KEK are lost: its writer ends.
 */
export async function prepareWriterKeys(folder: string, keks: Keks, loseUnknown: boolean): Promise<void> {
  for (const name of await keyNames(folder)) {
    const stored = await readKey(folder, name);
    if (stored === undefined) continue;
    try {
      const resealed = await resealAuditKey(stored, keks);
      await openAuditKey(resealed, keks);
      if (resealed.sealed !== stored.sealed) await writeKey(folder, name, resealed);
    } catch (error) {
      if (!(loseUnknown && error instanceof KeyringError && error.code === "WRONG_KEK")) throw error;
      await rename(join(folder, name), join(folder, `${name}.lost`));
      await syncFolder(folder);
    }
  }
}

function nameOf(writer: string): string {
  return `${writer}${SUFFIX}`;
}

async function keyNames(folder: string): Promise<string[]> {
  const names = await readdir(folder).catch((cause) => absent(folder, cause));
  return (names ?? []).filter((name) => name.endsWith(SUFFIX));
}

async function readKey(folder: string, name: string): Promise<StoredAuditKey | undefined> {
  const path = join(folder, name);
  const text = await readFile(path, "utf8").catch((cause) => absent(path, cause));
  if (text === undefined) return undefined;
  const key = parse(text);
  if (key === undefined) throw new KeyringError("DAMAGED_KEY", `${path}: is not an audit key`);
  return key;
}

async function writeKey(folder: string, name: string, key: StoredAuditKey): Promise<void> {
  await replaceFile(folder, name, `${JSON.stringify(key)}\n`).catch((cause) => {
    throw new AuditError("UNAVAILABLE", `${join(folder, name)}: can't be written`, { cause });
  });
}

function parse(text: string): StoredAuditKey | undefined {
  try {
    const { origin, publicKey, sealed }: Record<string, unknown> = JSON.parse(text);
    if (typeof origin !== "string" || typeof publicKey !== "string" || typeof sealed !== "string") return undefined;
    return { origin, publicKey, sealed };
  } catch {
    return undefined;
  }
}

function publicOf({ origin, publicKey }: StoredAuditKey): VerifierKey {
  return { name: origin, publicKey: Buffer.from(publicKey, "base64url") };
}

function absent(path: string, cause: NodeJS.ErrnoException): undefined {
  if (cause.code !== "ENOENT") throw fileErrorOf(path, cause);
}
