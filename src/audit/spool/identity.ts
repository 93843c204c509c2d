import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { createQueue } from "../../async/queue.ts";
import { replaceFile } from "../../files/durable.ts";
import type { Place } from "../../files/place.ts";
import { AuditError } from "../event.ts";
import { type Edge, isEdge } from "../tree/edge.ts";
import { isWriterLog, type WriterLog } from "../writer/log.ts";
import type { Range } from "./ranges.ts";

/** A place up to which the log is known to be durable. */
export interface LogEnd {
  /** The number of the event that follows. */
  readonly next: number;
  /** SHA-256 of the body of event `next - 1`; empty when there has been none. */
  readonly prevHash: Uint8Array;
}

/** Such a place, and the right edge of the writer's tree there. */
export interface TreeEnd extends LogEnd {
  readonly edge: Edge;
}

/**
 * A spool's writer, and what must be in its folder. It outlives the trimmed events. Its end is the log's after an
 * orderly close, and otherwise a lower bound.
 */
export interface Identity extends LogEnd {
  readonly writer: string;
  readonly epoch: number;
  /** The writer's log as auditors know it. Undefined: it has no key, or an earlier version wrote the identity. */
  readonly log: WriterLog | undefined;
  /** At the end, where the writer's tree of earlier events can't be made again. Undefined: an earlier version wrote it. */
  readonly edge: Edge | undefined;
  /** The number of the oldest event that was not trimmed. Undefined: version 0.1.0 wrote the identity. */
  readonly first: number | undefined;
  /** Events whose loss an operator has accepted. */
  readonly lost: readonly Range[];
  /** The id of the installation that the spool belongs to; undefined until it is known. */
  readonly installation: string | undefined;
}

const FILE_NAME = "identity.json";

/**
 * The identity in a spool's folder; undefined in a new folder. Rejects with CORRUPT or UNAVAILABLE when it can't be
 * read, and with CORRUPT when only the identity is missing.
 */
export async function readIdentity(folder: string): Promise<Identity | undefined> {
  const text = await readText(folder);
  if (text === undefined) return await requireNew(folder);
  const identity = parse(text);
  if (identity === undefined) throw new AuditError("CORRUPT", `${join(folder, FILE_NAME)}: is not a spool's identity`);
  return identity;
}

/** The identity of an open spool, on disk and in memory. */
export class IdentityKeeper {
  readonly #folder: Place;
  readonly #tasks = createQueue();
  #current: Identity;

  constructor(folder: Place, current: Identity) {
    this.#folder = folder;
    this.#current = current;
  }

  /** As it was written last. */
  get current(): Identity {
    return this.#current;
  }

  /**
   * Durable when it resolves: an epoch must never be used twice. Rejects with UNAVAILABLE. `onChanged` is called at once
   * when the change is durable, before the next one asks for its part: the end of one writer must never be written for
   * another.
   */
  change(partOf: () => Partial<Identity>, onChanged: () => void = () => {}): Promise<void> {
    // One at a time: two at once would share the file that is written before it is renamed.
    return this.#tasks.run(async () => {
      const changed = { ...this.#current, ...partOf() };
      try {
        this.#folder.look();
        await replaceFile(this.#folder.path, FILE_NAME, textOf(changed));
      } catch (cause) {
        throw new AuditError("UNAVAILABLE", `${this.#folder.path}: its ${FILE_NAME} can't be written`, { cause });
      }
      this.#current = changed;
      onChanged();
    });
  }

  /** Whether the folder has it as it was written. Rejects when the file is there and can't be read. */
  isIntact(): Promise<boolean> {
    return this.#tasks.run(async () => {
      const text = await readText(this.#folder.path);
      return text === textOf(this.#current);
    });
  }
}

function textOf({ prevHash, edge, ...identity }: Identity): string {
  const tree = edge && { size: edge.size, roots: edge.roots.map(base64) };
  return `${JSON.stringify({ ...identity, prevHash: base64(prevHash), tree })}\n`;
}

function base64(hash: Uint8Array): string {
  return Buffer.from(hash).toString("base64");
}

async function requireNew(folder: string): Promise<undefined> {
  const names = (await readdir(folder).catch((cause) => absent(folder, cause))) ?? [];
  const left = names.find((name) => name.endsWith(".segment") || name === "acknowledged.json");
  if (left !== undefined) throw new AuditError("CORRUPT", `${folder}: holds ${left}, but no ${FILE_NAME}`);
}

function parse(text: string): Identity | undefined {
  try {
    const {
      writer,
      epoch,
      first,
      lost = [],
      installation,
      log,
      tree,
      ...end
    }: Record<string, unknown> = JSON.parse(text);
    const { next, prevHash } = parseLogEnd(end) ?? {};
    if (!isWriter(writer) || !isCount(epoch) || next === undefined || prevHash === undefined) return undefined;
    if (!(first === undefined || isCount(first)) || !(Array.isArray(lost) && lost.every(isRange))) return undefined;
    if (!(installation === undefined || isWriter(installation))) return undefined;
    const edge = parseEdge(tree);
    if (tree !== undefined && edge === undefined) return undefined;
    if (!(log === undefined || isWriterLog(log))) return undefined;
    return { writer, epoch, next, prevHash, first, lost, installation, log, edge };
  } catch {
    return undefined;
  }
}

/** Undefined unless both members are right. */
export function parseLogEnd(value: unknown): LogEnd | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const { next, prevHash }: Partial<Record<keyof LogEnd, unknown>> = value;
  if (!isCount(next) || typeof prevHash !== "string") return undefined;
  return { next, prevHash: Buffer.from(prevHash, "base64") };
}

/** Undefined unless it is one. */
function parseEdge(value: unknown): Edge | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const { size, roots }: { readonly size?: unknown; readonly roots?: unknown } = value;
  if (typeof size !== "number" || !Array.isArray(roots)) return undefined;
  const hashes = roots.map((root) => Buffer.from(String(root), "base64"));
  return isEdge(size, hashes) ? { size, roots: hashes } : undefined;
}

function isRange(value: unknown): value is Range {
  if (typeof value !== "object" || value === null) return false;
  const { first, last }: Partial<Record<keyof Range, unknown>> = value;
  return isCount(first) && isCount(last) && first <= last;
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

async function readText(folder: string): Promise<string | undefined> {
  const path = join(folder, FILE_NAME);
  return await readFile(path, "utf8").catch((cause) => absent(path, cause));
}

function absent(path: string, cause: NodeJS.ErrnoException): undefined {
  if (cause.code !== "ENOENT") throw new AuditError("UNAVAILABLE", `${path}: can't be read`, { cause });
}
