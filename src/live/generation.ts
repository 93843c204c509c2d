import type { Entry } from "../state/keyvalue.ts";

/** The time in which the live store forgot nothing. When it was lost or rolled back, another one begins. */
export interface Generation {
  readonly id: string;
  /** When it began, in Unix milliseconds by the store's clock. Undefined: it is the first, and nothing was lost. */
  readonly since: number | undefined;
  /** The ids of the generations before it. */
  readonly earlier: readonly string[];
}

/** Replicas that slept through more generations than this begin another one. */
const MAX_EARLIER = 64;

/** Whether the generation is the one with the id `known`, or began after its end. */
export function includes({ id, earlier }: Generation, known: string): boolean {
  return id === known || earlier.includes(known);
}

/** The ids of these generations and of all before them. */
export function idsOf(generations: readonly Generation[]): readonly string[] {
  const ids = new Set([...generations.map(({ id }) => id), ...generations.flatMap(({ earlier }) => earlier)]);
  return [...ids].slice(0, MAX_EARLIER);
}

export function encodeGeneration({ id, since, earlier }: Generation): Uint8Array {
  return Buffer.from(JSON.stringify({ id, since: since ?? null, earlier }));
}

/** Undefined for an entry that another client of the store has written. */
export function parseGeneration({ value }: Entry): Generation | undefined {
  const { id, since, earlier } = objectIn(value);
  const isSound = isId(id) && Array.isArray(earlier) && earlier.every(isId);
  if (!isSound || !(since === null || Number.isSafeInteger(since))) return undefined;
  return { id, since: typeof since === "number" ? since : undefined, earlier };
}

function isId(id: unknown): id is string {
  return typeof id === "string" && /^[A-Za-z0-9_-]{1,64}$/.test(id);
}

function objectIn(value: Uint8Array): { readonly [Member in keyof Generation]?: unknown } {
  try {
    return Object(JSON.parse(Buffer.from(value).toString()));
  } catch {
    return {};
  }
}
