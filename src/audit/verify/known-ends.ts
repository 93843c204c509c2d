import { type Edge, isEdge } from "../tree/edge.ts";
import { comparePlaces, type KnownEnd } from "./place.ts";
import type { KnownEnds, Verdict } from "./verifier.ts";

/** The version of the format. */
const FORMAT = 1;

/**
 * What a verdict has proven: the last event of each writer, and the edge of its log after that event. Where a fault ends
 * what is proven earlier, as with a writer that an archiver accepts, the edge is left out.
 */
export function endsOf({ writers }: Pick<Verdict, "writers">): KnownEnds {
  return new Map(
    writers.flatMap(({ writer, provenTo, last, log }) => {
      if (provenTo === undefined) return [];
      const isLast = last !== undefined && comparePlaces(provenTo, last) === 0;
      return [[writer, { ...provenTo, edge: isLast ? log?.edge : undefined }] as const];
    }),
  );
}

/** What a later run must find again, and the edges from which the logs can be followed, as JSON. */
export function knownEndsText(ends: KnownEnds): string {
  const writers = Array.from(ends, ([writer, { edge, ...end }]) => [writer, { ...end, log: edge && logOf(edge) }]);
  return `${JSON.stringify({ format: FORMAT, writers: Object.fromEntries(writers) }, null, 2)}\n`;
}

/** Reads what {@link knownEndsText} wrote; undefined if it is something else. */
export function parseKnownEnds(text: string): KnownEnds | undefined {
  try {
    const { format, writers } = JSON.parse(text);
    if (format !== FORMAT || typeof writers !== "object" || writers === null || Array.isArray(writers))
      return undefined;
    const ends = Object.entries(writers).map(([writer, end]) => [writer, parseEnd(end)] as const);
    return ends.every(isEnd) ? new Map(ends) : undefined;
  } catch {
    return undefined;
  }
}

function isEnd(end: readonly [string, KnownEnd | undefined]): end is readonly [string, KnownEnd] {
  return end[0] !== "" && end[1] !== undefined;
}

function logOf({ size, roots }: Edge) {
  return { size, roots: roots.map((root) => root.toString("base64")) };
}

function parseEnd(value: unknown): KnownEnd | undefined {
  const { epoch, seq, hash, log }: Partial<Record<string, unknown>> = Object(value);
  if (!isCount(epoch) || !isCount(seq) || !isHash(hash)) return undefined;
  if (log === undefined) return { epoch, seq, hash, edge: undefined };
  const edge = parseLog(log);
  return edge && { epoch, seq, hash, edge };
}

function parseLog(value: unknown): Edge | undefined {
  const { size, roots }: Partial<Record<string, unknown>> = Object(value);
  if (!isCount(size) || !Array.isArray(roots) || !roots.every(isHash)) return undefined;
  const hashes = roots.map((root) => Buffer.from(root, "base64"));
  return isEdge(size, hashes) ? { size, roots: hashes } : undefined;
}

/** A SHA-256 hash in base64. */
function isHash(value: unknown): value is string {
  return typeof value === "string" && /^[A-Za-z0-9+/]{43}=$/.test(value);
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 1;
}
