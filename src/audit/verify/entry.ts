import { isUtf8 } from "node:buffer";
import { hash } from "node:crypto";
import { leafHash } from "../tree/hash.ts";
import { readStatement, type Statement } from "./log/statement.ts";
import type { Vouched } from "./place.ts";

/** What a verifier needs to know of an event. */
export interface Entry extends Vouched {
  readonly eventId: string;
  readonly writer: string;
  /** The hash of the writer's event before, in base64; empty where there is none. */
  readonly prevHash: string;
  /** Undefined for an event of a version that had no log. */
  readonly leaf: Leaf | undefined;
}

/** An event in its writer's log. */
interface Leaf {
  /** From 0. */
  readonly index: number;
  /** The leaf hash of RFC 6962, as 32 Latin-1 characters: a buffer for each would cost as much as the hash. */
  readonly hash: string;
  /** What the event counts as: `issued <kid>` and `withheld <kid>`; empty for an event that is not counted. */
  readonly tally: string;
  /** Undefined for nearly all events. */
  readonly statement: Statement | undefined;
}

/** The members of a body, before they are checked. */
export type StoredEvent = Readonly<Record<string, unknown>>;

/**
 * Reads a body, of which `stored` is the JSON. Undefined unless it has an id, a writer and a place, as every writer
 * encodes them. `hashLeaf` takes the leaf hash of the body.
 */
export function readEntry(
  body: Uint8Array,
  stored: StoredEvent,
  hashLeaf: (body: Uint8Array) => string = (leaf) => leafHash(leaf).toString("latin1"),
): Entry | undefined {
  const { eventId, writer, prevHash = "", logIndex } = stored;
  const epoch = countOf(stored.epoch, 1);
  const seq = countOf(stored.seq, 1);
  if (epoch === undefined || seq === undefined || !isText(eventId) || !isText(writer) || !isText(prevHash))
    return undefined;
  if (eventId === "" || writer === "") return undefined;
  const index = logIndex === undefined ? undefined : countOf(logIndex, 0);
  if (logIndex !== undefined && index === undefined) return undefined;
  return {
    eventId,
    writer,
    epoch,
    seq,
    prevHash,
    hash: hash("sha256", body, "base64"),
    leaf:
      index === undefined
        ? undefined
        : { index, hash: hashLeaf(body), tally: tallyOf(stored), statement: readStatement(stored) },
  };
}

function tallyOf({ tokenIssued, tokenWithheld }: StoredEvent): string {
  if (tokenIssued === undefined && tokenWithheld === undefined) return "";
  const { keyId }: { readonly keyId?: unknown } = Object(tokenIssued ?? tokenWithheld);
  return `${tokenIssued === undefined ? "withheld" : "issued"} ${isText(keyId) ? keyId : ""}`;
}

const LINE_BREAKS = [10, 13];

/** The JSON of a body as every writer encodes it, on one line and in UTF-8; undefined if it is no such object. */
export function parseLine(body: Uint8Array): StoredEvent | undefined {
  if (!isUtf8(body) || LINE_BREAKS.some((byte) => body.includes(byte))) return undefined;
  return parseJson(Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString());
}

/** As {@link parseLine}, for the text of a line. */
export function parseJson(line: string): StoredEvent | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" && value !== null ? (value as StoredEvent) : undefined;
  } catch {
    return undefined;
  }
}

// Proto-JSON writes an int64 as a string.
function countOf(value: unknown, least: number): number | undefined {
  const count = Number(value);
  return typeof value === "string" && Number.isSafeInteger(count) && count >= least && String(count) === value
    ? count
    : undefined;
}

/** Whether it is a text on one line. */
function isText(value: unknown): value is string {
  return typeof value === "string" && !value.includes("\n");
}
