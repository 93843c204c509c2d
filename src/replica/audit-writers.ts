import { KeyringError } from "../keys/error.ts";
import { isUnderCurrent, type RecordKeys, unwrapBody, wrapBody } from "../keys/store/authenticated-record.ts";
import { type Entry, type KeyValue, StateError } from "../state/keyvalue.ts";

/** The log of a writer, and the public key of its checkpoints. */
interface AuditLogKey {
  readonly writer: string;
  readonly origin: string;
  readonly verifierKey: string;
}

/** active: it writes, or will. closed: its last event says that it has ended. retired: it is lost. */
export type AuditWriterState = "active" | "closed" | "retired";

/** A writer as the installation knows it. Times are Unix milliseconds. */
export interface AuditWriter extends AuditLogKey {
  readonly state: AuditWriterState;
  readonly registeredAt: number;
  /** Undefined while it is active. */
  readonly endedAt: number | undefined;
}

/** Every writer of the installation. All methods throw a StateError while the state can't be read or written. */
export interface AuditWriters {
  /** In the order in which they were registered. */
  list(): Promise<readonly AuditWriter[]>;
  find(writer: string): Promise<AuditWriter | undefined>;
  /** Registers the log as active, also where it was ended: it writes. Puts all records under the current KEK. */
  register(log: AuditLogKey): Promise<void>;
  /** Undefined for a writer that is not registered. One that has ended stays as it is. */
  end(writer: string, state: "closed" | "retired"): Promise<AuditWriter | undefined>;
}

export interface AuditWritersOptions {
  readonly store: KeyValue;
  readonly recordKeys: RecordKeys;
  /** Unix milliseconds. */
  readonly now: () => number;
  /** Gets the error of each record that is not authentic, which counts as none. */
  readonly onStray: (error: KeyringError) => void;
}

const PREFIX = "audit/writers/";
const KIND = "signet audit writer";
/** Others write the same record only while an operator ends a writer that begins to run. */
const ATTEMPTS = 5;

/** The records are under a MAC: write access to the store alone must not suffice to name a key to auditors. */
export function createAuditWriters({ store, recordKeys, now, onStray }: AuditWritersOptions): AuditWriters {
  return { list, find, register, end };

  async function list(): Promise<readonly AuditWriter[]> {
    const found = (await store.list(PREFIX)).map(read).filter((writer) => writer !== undefined);
    return found.toSorted((one, other) => one.registeredAt - other.registeredAt);
  }

  async function find(writer: string): Promise<AuditWriter | undefined> {
    const entry = await store.get(`${PREFIX}${writer}`);
    return entry && read(entry);
  }

  async function register(log: AuditLogKey): Promise<void> {
    await change(log.writer, (found) => ({
      ...{ writer: log.writer, origin: log.origin, verifierKey: log.verifierKey },
      ...{ state: "active", registeredAt: found?.registeredAt ?? now(), endedAt: undefined },
    }));
    for (const entry of await store.list(PREFIX)) {
      const writer = read(entry);
      if (writer !== undefined && !isUnderCurrent(entry.value, recordKeys))
        await store.update(entry.key, encode(writer), entry.revision);
    }
  }

  function end(writer: string, state: "closed" | "retired"): Promise<AuditWriter | undefined> {
    return change(writer, (found) => (found?.state === "active" ? { ...found, state, endedAt: now() } : found));
  }

  async function change(
    writer: string,
    next: (found: AuditWriter | undefined) => AuditWriter | undefined,
  ): Promise<AuditWriter | undefined> {
    const key = `${PREFIX}${writer}`;
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const entry = await store.get(key);
      const found = entry && read(entry);
      const wanted = next(found);
      if (wanted === undefined || (found !== undefined && isSame(found, wanted))) return wanted;
      const value = encode(wanted);
      const written = entry ? store.update(key, value, entry.revision) : store.create(key, value);
      if ((await written) !== undefined) return wanted;
    }
    throw new StateError("UNAVAILABLE", `the record of the writer ${writer} is changed by others all the time`);
  }

  function encode(record: AuditWriter): Buffer {
    return wrapBody(JSON.stringify({ kind: KIND, ...record }), recordKeys);
  }

  function read(entry: Entry): AuditWriter | undefined {
    try {
      return parse(entry, recordKeys);
    } catch (error) {
      if (!(error instanceof KeyringError)) throw error;
      onStray(error);
      return undefined;
    }
  }
}

function isSame(one: AuditWriter, other: AuditWriter): boolean {
  return one.state === other.state && one.origin === other.origin && one.verifierKey === other.verifierKey;
}

function parse({ key, value }: Entry, keys: RecordKeys): AuditWriter {
  const where = `the record ${key}`;
  const members: Record<string, unknown> = JSON.parse(unwrapBody(value, where, keys));
  const { kind, writer, origin, verifierKey, state, registeredAt, endedAt } = members;
  // Other records are authenticated with the same key, and so is the one of another writer.
  if (kind !== KIND || key !== `${PREFIX}${writer}`)
    throw new KeyringError("BROKEN_RECORD", `${where} is another record`);
  return { writer, origin, verifierKey, state, registeredAt, endedAt } as AuditWriter;
}
