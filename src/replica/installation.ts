import { createQueue } from "../async/queue.ts";
import { KeyringError } from "../keys/error.ts";
import { isUnderCurrent, type RecordKeys, unwrapBody, wrapBody } from "../keys/store/authenticated-record.ts";
import { StartError } from "../start-error.ts";
import { type Entry, isUnavailable, type KeyValue } from "../state/keyvalue.ts";

export interface InstallationOptions {
  readonly store: KeyValue;
  readonly recordKeys: RecordKeys;
  /** The installation that the data folder belongs to; undefined while it belongs to none. */
  readonly known: string | undefined;
  readonly newId: () => string;
  /** Durably makes the data folder belong to this installation. */
  readonly join: (id: string) => Promise<void>;
  readonly report: (event: InstallationEvent) => void;
}

export type InstallationEvent =
  /** From now on the data folder belongs to it. */
  | { readonly type: "installation.joined"; readonly installation: string }
  /** The entry in the store names no installation. */
  | { readonly type: "installation.stray"; readonly error: unknown }
  /** The store was exchanged while this replica ran. */
  | { readonly type: "installation.differs"; readonly installation: string; readonly found: string };

/**
 * The installation of the replicas that share a store. Its id is under a MAC: a client of the store can't forge one.
 */
export interface Installation {
  /** Throws the StartError OTHER_INSTALLATION. An unreachable store, and one without an id, is no obstacle. */
  check(): Promise<void>;
  /**
   * Joins the installation of the store. A store that has none, or has lost it, gets that of the data folder, or a new
   * one. To be called when the rings are open, and again when the store may have lost entries. Throws a StateError, or
   * what `join` throws.
   */
  settle(): Promise<void>;
}

/** For a store that no other process uses. */
export const OWN_INSTALLATION: Installation = { check: async () => {}, settle: async () => {} };

const KEY = "installation";
const KIND = "signet installation";
/** An entry that others go on writing is left for the next time. */
const ATTEMPTS = 5;

export function createInstallation({
  store,
  recordKeys,
  known,
  newId,
  join,
  report,
}: InstallationOptions): Installation {
  const queue = createQueue();
  let own = known;

  /** Whether the entry is left as it is, which is reported. */
  function isLeft(found: string | KeyringError | undefined): boolean {
    if (found instanceof KeyringError) {
      report({ type: "installation.stray", error: found });
      // Of another KEK, which this replica may only lack; or garbage that a replica with an id mends.
      return found.code === "WRONG_KEK" || own === undefined;
    }
    if (found === undefined || own === undefined || found === own) return false;
    report({ type: "installation.differs", installation: own, found });
    return true;
  }

  /** Whether the store has the id now, under the current key. */
  async function put(id: string, entry: Entry | undefined, found: string | KeyringError | undefined): Promise<boolean> {
    if (entry !== undefined && found === id && isUnderCurrent(entry.value, recordKeys)) return true;
    const value = wrapBody(JSON.stringify({ kind: KIND, id }), recordKeys);
    const written = entry ? store.update(KEY, value, entry.revision) : store.create(KEY, value);
    return (await written) !== undefined;
  }

  /** Whether nothing is left to do. */
  async function attempt(): Promise<boolean> {
    const entry = await store.get(KEY);
    const found = entry && parse(entry, recordKeys);
    if (isLeft(found)) return true;
    const id = typeof found === "string" ? found : (own ?? newId());
    if (!(await put(id, entry, found))) return false;
    if (own === undefined) {
      await join(id);
      own = id;
      report({ type: "installation.joined", installation: id });
    }
    return true;
  }

  return {
    async check() {
      const entry = await store.get(KEY).catch((error) => {
        if (!isUnavailable(error)) throw error;
      });
      const found = entry && parse(entry, recordKeys);
      if (typeof found !== "string" || own === undefined || found === own) return;
      throw new StartError(
        "OTHER_INSTALLATION",
        `the data folder belongs to installation ${own}, but the bucket in NATS to ${found}: \
use the NATS server of the folder's own installation, or start this replica with an empty data folder. \
If the keys of its installation are lost, start it once with --accept-loss state:${own}`,
      );
    },
    settle: () =>
      queue.run(async () => {
        for (let attempts = 0; attempts < ATTEMPTS && !(await attempt()); ) attempts++;
      }),
  };
}

/** The id in the entry, or the reason why it holds none. */
function parse({ value }: Entry, keys: RecordKeys): string | KeyringError {
  try {
    const { kind, id } = JSON.parse(unwrapBody(value, "the id of the installation", keys));
    // Records and backups are authenticated with the same key: none of them may pass as an id.
    if (kind === KIND && typeof id === "string" && /^[A-Za-z0-9_-]{1,64}$/.test(id)) return id;
  } catch (error) {
    if (error instanceof KeyringError) return error;
  }
  return new KeyringError("BROKEN_RECORD", "the id of the installation is another record");
}
