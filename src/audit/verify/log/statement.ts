/** The members of JSON, before they are checked. */
type Members = Readonly<Record<string, unknown>>;

/** What an event states of its own log. Only few events do. */
export type Statement = Opened | Closed | Counted;

/** The first event of a log. The texts are empty where the event has none. */
export interface Opened {
  readonly kind: "opened";
  readonly origin: string;
  readonly verifierKey: string;
  readonly predecessor: string;
}

/** The last event of a log. */
interface Closed {
  readonly kind: "closed";
  readonly successor: string;
}

interface Counted {
  readonly kind: "counted";
  readonly keys: readonly CountedKey[];
}

/**
 * What a writer counted of one key since the beginning of its epoch; `unrecorded` and `selfTests` since the start of its
 * process, which may write several epochs.
 */
export interface CountedKey {
  readonly keyId: string;
  readonly signed: number;
  readonly issued: number;
  readonly withheld: number;
  readonly unrecorded: number;
  readonly selfTests: number;
  readonly inFlight: number;
}

/** Reads what the JSON of an event states; undefined for an event that states nothing. */
export function readStatement(stored: Members): Statement | undefined {
  if (stored.writerOpened !== undefined) {
    const { origin, verifierKey, predecessor } = membersOf(stored.writerOpened);
    return {
      kind: "opened",
      origin: textOf(origin),
      verifierKey: textOf(verifierKey),
      predecessor: textOf(predecessor),
    };
  }
  if (stored.writerClosed !== undefined)
    return { kind: "closed", successor: textOf(membersOf(stored.writerClosed).successor) };
  if (stored.signaturesCounted === undefined) return undefined;
  const { keys } = membersOf(stored.signaturesCounted);
  return { kind: "counted", keys: Array.isArray(keys) ? keys.map(countedKey) : [] };
}

function countedKey(value: unknown): CountedKey {
  const key = membersOf(value);
  return {
    keyId: textOf(key.keyId),
    signed: Number(key.signed ?? 0),
    issued: Number(key.issued ?? 0),
    withheld: Number(key.withheld ?? 0),
    unrecorded: Number(key.unrecorded ?? 0),
    selfTests: Number(key.selfTests ?? 0),
    inFlight: Number(key.inFlight ?? 0),
  };
}

function membersOf(value: unknown): Members {
  return Object(value);
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}
