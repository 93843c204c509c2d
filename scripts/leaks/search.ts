/** Bytes that must be nowhere, and what they are. */
export interface Secret {
  readonly kind: string;
  readonly bytes: Buffer;
}

/** A place where a secret begins, or its second half does. */
export interface Leak {
  readonly kind: string;
  readonly form: Form;
  readonly offset: number;
}

type Form = "verbatim" | "hex" | "base64";

/** The forms in which bytes are written; base64 in either alphabet, without padding. */
const WRITE: readonly (readonly [Form, BufferEncoding])[] = [
  ["verbatim", "latin1"],
  ["hex", "hex"],
  ["base64", "base64"],
  ["base64", "base64url"],
];

/** So many bytes in a row do not occur by chance, unless they are uniform: padding, or a test's `xxxx…`. */
const WINDOW = 16;
const LEAST_DISTINCT = 8;

interface Needle {
  readonly kind: string;
  readonly form: Form;
  readonly window: Buffer;
}

/**
 * A search for all secrets at once, verbatim, in hex and in base64. It knows the first 16 bytes of each, and 16 from
 * the middle. One pass over the content: a rolling hash (Rabin and Karp) of its last 16 bytes is looked up in a
 * bitmap, and the few hits in a table.
 */
export function createSearch(secrets: Iterable<Secret>): (content: Uint8Array) => Leak[] {
  const needles = new Map<number, Needle[]>();
  const bitmap = new Uint8Array(1 << 21);
  for (const needle of distinct(secrets)) {
    const hash = hashOf(needle.window);
    needles.set(hash, [...(needles.get(hash) ?? []), needle]);
    const bit = hash >>> 8;
    bitmap[bit >>> 3] = (bitmap[bit >>> 3] ?? 0) | (1 << (bit & 7));
  }
  return (content) => {
    const leaks: Leak[] = [];
    let hash = 0;
    for (let end = 0; end < content.length; end += 1) {
      const leaving = end < WINDOW ? 0 : (content[end - WINDOW] ?? 0);
      hash = (Math.imul(hash - Math.imul(leaving, OLDEST), BASE) + (content[end] ?? 0)) | 0;
      const bit = hash >>> 8;
      if (((bitmap[bit >>> 3] ?? 0) & (1 << (bit & 7))) === 0) continue;
      const offset = end + 1 - WINDOW;
      for (const { kind, form, window } of needles.get(hash) ?? [])
        if (window.equals(content.subarray(offset, end + 1))) leaks.push({ kind, form, offset });
    }
    return leaks;
  };
}

const BASE = 0x01000193;
/** The weight of the byte that leaves the window. */
const OLDEST = Array.from({ length: WINDOW - 1 }).reduce<number>((power) => Math.imul(power, BASE), 1);

function hashOf(window: Buffer): number {
  return window.reduce((hash, byte) => (Math.imul(hash, BASE) + byte) | 0, 0);
}

/** The windows of all secrets in all forms, each once. */
function* distinct(secrets: Iterable<Secret>): Iterable<Needle> {
  const seen = new Set<string>();
  for (const { kind, bytes } of secrets)
    for (const [form, encoding] of WRITE)
      for (const window of windowsOf(bytes.toString(encoding).replace(/=+$/, ""))) {
        const text = window.toString("latin1");
        if (seen.has(text)) continue;
        seen.add(text);
        yield { kind, form, window };
      }
}

function windowsOf(written: string): Buffer[] {
  const bytes = Buffer.from(written, "latin1");
  const middle = (bytes.length - WINDOW) >> 1;
  if (middle < 0) return [];
  const windows = [bytes.subarray(0, WINDOW), bytes.subarray(middle, middle + WINDOW)];
  return windows.filter((window) => new Set(window).size >= LEAST_DISTINCT);
}
