import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { replaceFile } from "../../files/durable.ts";
import { AuditError } from "../event.ts";

/** A spool's writer and the start of its current epoch. It outlives the trimmed records. */
export interface Identity {
  readonly writer: string;
  readonly epoch: number;
  /** The number of the epoch's first record. */
  readonly next: number;
  /** SHA-256 of the body of record `next - 1`; empty when there has been none. */
  readonly prevHash: Uint8Array;
}

const FILE_NAME = "identity.json";

/**
 * The identity in a spool's folder; undefined in a new folder. Rejects with CORRUPT or UNAVAILABLE when it can't be
 * read.
 */
export async function readIdentity(folder: string): Promise<Identity | undefined> {
  const text = await readFile(join(folder, FILE_NAME), "utf8").catch(absent);
  if (text === undefined) return undefined;
  const identity = parse(text);
  if (identity === undefined) throw new AuditError("CORRUPT", `${join(folder, FILE_NAME)}: is not a spool's identity`);
  return identity;
}

/** Durable when it resolves: an epoch must never be used twice. */
export async function writeIdentity(folder: string, identity: Identity): Promise<void> {
  await replaceFile(folder, FILE_NAME, textOf(identity));
}

/** Whether the folder has this very identity. Rejects when the file is there and can't be read. */
export async function hasIdentity(folder: string, identity: Identity): Promise<boolean> {
  return (await readFile(join(folder, FILE_NAME), "utf8").catch(absent)) === textOf(identity);
}

function textOf({ writer, epoch, next, prevHash }: Identity): string {
  return `${JSON.stringify({ writer, epoch, next, prevHash: Buffer.from(prevHash).toString("base64") })}\n`;
}

function parse(text: string): Identity | undefined {
  try {
    const { writer, epoch, next, prevHash }: Record<string, unknown> = JSON.parse(text);
    if (!isWriter(writer) || typeof prevHash !== "string" || !isCount(epoch) || !isCount(next)) return undefined;
    return { writer, epoch, next, prevHash: Buffer.from(prevHash, "base64") };
  } catch {
    return undefined;
  }
}

/**
 * Whether this is a valid writer id. It becomes a header line of each event, to which a line break would add others.
 */
export function isWriter(value: unknown): value is string {
  return typeof value === "string" && /^[A-Za-z0-9_-]{1,64}$/.test(value);
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 1;
}

function absent(error: NodeJS.ErrnoException): undefined {
  if (error.code !== "ENOENT") throw new AuditError("UNAVAILABLE", "the audit spool can't be read", { cause: error });
  return undefined;
}
