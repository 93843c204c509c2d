const TOKEN = /"[^"\\]*(?:\\.[^"\\]*)*"|[{}[\],:]|[^\s"{}[\],:]+/g;

const OPENING = new Set(["{", "["]);
const CLOSING = new Set(["}", "]"]);

/** Longest text that is indented, in characters: the indentation of a hostile one could take a hundred times as much. */
const MAX_INDENTED = 64 * 1024;
/** Deeper levels have the same indentation: that of a list in a list in a list … would grow with the square. */
const MAX_INDENTATION = 64;

/** A JSON text as it was written, and what JSON.parse does not say of it. */
export interface JsonLayout {
  /** With the members in their order, each number digit for digit, and members of one name side by side. */
  readonly text: string;
  /** A name that occurs twice in one object. */
  readonly duplicate: string | undefined;
  /** The number of levels; 1 for an object of plain values. */
  readonly depth: number;
}

/** Indents a text that JSON.parse has accepted. JSON.stringify would round large numbers, and has no duplicate names. */
export function layOutJson(json: string): JsonLayout {
  const breakAt =
    json.length > MAX_INDENTED ? () => "" : (level: number) => `\n${"  ".repeat(Math.min(level, MAX_INDENTATION))}`;
  const open: Set<string>[] = [];
  let duplicate: string | undefined;
  let depth = 0;
  let text = "";
  let last = "";
  for (const [token] of json.matchAll(TOKEN)) {
    if (CLOSING.has(token)) open.pop();
    if (isBreakBetween(last, token)) text += breakAt(open.length);
    text += token === ":" ? ": " : token;
    if (OPENING.has(token)) depth = Math.max(depth, open.push(new Set()));
    if (token === ":") {
      const names = open.at(-1);
      const name: string = JSON.parse(last);
      if (names?.has(name)) duplicate ??= name;
      names?.add(name);
    }
    last = token;
  }
  return { text, duplicate, depth };
}

/** Before and after each member and item; an empty object or list stays on its line. */
function isBreakBetween(last: string, token: string): boolean {
  return last === "," || OPENING.has(last) !== CLOSING.has(token);
}
