const LINE_BREAK = 10;
/** A chunk has fewer lines than a batch can hold, since an event has more than 100 bytes. */
const CHUNK_BYTES = 1024 ** 2;
/** More than a message of NATS can be by default, in base64. */
const MAX_LINE_BYTES = 2 * 1024 ** 2;

/** A line is longer than any exported event. */
export class LineTooLong extends Error {}

/**
 * Cuts bytes into chunks of whole lines, about 1 MiB each. Every chunk is alone in its memory, so that it can be handed
 * over to a thread. The last may lack its line break.
 *
 * @throws LineTooLong beyond 2 MiB
 */
export async function* chunksOfLines(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  let parts: Uint8Array[] = [];
  let length = 0;
  let before = 0;
  for await (const part of bytes) {
    parts.push(part);
    length += part.length;
    if (length < CHUNK_BYTES) continue;
    const end = part.lastIndexOf(LINE_BREAK) + 1;
    if (end === 0) {
      if (length > MAX_LINE_BYTES + CHUNK_BYTES) {
        const line = parts.reduce((breaks, waiting) => breaks + breaksIn(waiting), before) + 1;
        throw new LineTooLong(`line ${line} is longer than ${MAX_LINE_BYTES} bytes`);
      }
      continue;
    }
    const rest = part.subarray(end);
    const chunk = join(parts, length - rest.length);
    // Whoever gets the chunk may hand its memory over.
    before += breaksIn(chunk);
    yield chunk;
    parts = rest.length === 0 ? [] : [Uint8Array.from(rest)];
    length = rest.length;
  }
  if (length > 0) yield join(parts, length);
}

function breaksIn(bytes: Uint8Array): number {
  let breaks = 0;
  for (let at = bytes.indexOf(LINE_BREAK); at !== -1; at = bytes.indexOf(LINE_BREAK, at + 1)) breaks += 1;
  return breaks;
}

function join(parts: readonly Uint8Array[], length: number): Uint8Array<ArrayBuffer> {
  const joined = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    joined.set(at + part.length > length ? part.subarray(0, length - at) : part, at);
    at += part.length;
  }
  return joined;
}
