/** Which part of a stream the operator wants in files: from its first message on, as far as one of the limits says. */
export interface RetentionTarget {
  /** What JetStream stored before this sequence may be archived; younger messages can still be published again. */
  readonly settledTo: number;
  /** What JetStream stored before this sequence is too old. Undefined: there is no limit of age. */
  readonly oldTo: number | undefined;
  /** How many bytes may stay. Undefined: there is no limit of size. */
  readonly keepBytes: number | undefined;
}

/** Where the part ends, found message by message. Without a limit it is all that has settled. */
export class PartEnd {
  readonly #target: RetentionTarget;
  #left: number;
  #end = 0;

  /** `bytes`: of the whole stream. */
  constructor(target: RetentionTarget, bytes: number) {
    this.#target = target;
    this.#left = bytes;
  }

  /** The last message of the part so far; 0 for none. */
  get end(): number {
    return this.#end;
  }

  /** Whether the message belongs to the part. Messages MUST come in order. */
  takes({ seq }: { readonly seq: number }, bytes: number): boolean {
    const { settledTo, oldTo, keepBytes } = this.#target;
    const isOld = oldTo !== undefined && seq < oldTo;
    const isTooMuch = keepBytes !== undefined && this.#left > keepBytes;
    const isUnlimited = oldTo === undefined && keepBytes === undefined;
    if (seq >= settledTo || !(isOld || isTooMuch || isUnlimited)) return false;
    this.#left -= bytes;
    this.#end = seq;
    return true;
  }
}

const RECORD_BYTES = 30;
const HEADERS_LENGTH_BYTES = 4;

/** What a message takes in the file store of JetStream: its bytes, and those of its record. */
export function storedBytes({
  subject,
  headers,
  body,
}: {
  readonly subject: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}): number {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  const block = lines.length === 0 ? 0 : HEADERS_LENGTH_BYTES + Buffer.byteLength(`NATS/1.0\r\n${lines.join("")}\r\n`);
  return RECORD_BYTES + Buffer.byteLength(subject) + block + body.length;
}
