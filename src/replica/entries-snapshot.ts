import { createSaver } from "../async/save-soon.ts";
import type { Entry } from "../state/keyvalue.ts";
import type { SnapshotFiles } from "./snapshot-files.ts";

/** Entries as this replica last read them: in memory and, a moment later, on disk. */
export interface EntriesSnapshot {
  /** Whether every entry was read at least once. If not, entries may be missing. */
  readonly complete: boolean;
  all(): readonly Entry[];
  take(entry: Entry): void;
  forget(key: string): void;
  /** Every entry of the store was taken. */
  completed(): void;
  /** Resolves when everything that was taken is on disk, or the write has failed. */
  saved(): Promise<void>;
}

/** Reads the snapshot `name`. A damaged one counts as none. Throws as {@link SnapshotFiles.load} does. */
export async function openEntriesSnapshot(
  files: SnapshotFiles,
  name: string,
  onError: (error: unknown) => void,
): Promise<EntriesSnapshot> {
  const content = await files.load(name);
  const entries = new Map(content === undefined ? [] : parse(content).map((entry) => [entry.key, entry]));
  let complete = content !== undefined;
  // An incomplete snapshot would pass for a complete one at the next start.
  const save = async (): Promise<void> => {
    if (complete) await files.save(name, encode([...entries.values()]));
  };
  const disk = createSaver(save, onError);

  return {
    get complete() {
      return complete;
    },
    all: () => [...entries.values()],
    take(entry) {
      if (entries.get(entry.key)?.revision === entry.revision) return;
      entries.set(entry.key, entry);
      disk.changed();
    },
    forget(key) {
      if (entries.delete(key)) disk.changed();
    },
    completed() {
      if (complete) return;
      complete = true;
      disk.changed();
    },
    saved: disk.saved,
  };
}

function encode(entries: readonly Entry[]): Uint8Array {
  return Buffer.from(JSON.stringify(entries.map((entry) => ({ ...entry, value: toText(entry.value) }))));
}

/** The digest of the file was checked, so its shape is not. */
function parse(content: Uint8Array): Entry[] {
  const entries: (Omit<Entry, "value"> & { readonly value: string })[] = JSON.parse(Buffer.from(content).toString());
  return entries.map((entry) => ({ ...entry, value: Buffer.from(entry.value, "base64") }));
}

function toText(value: Uint8Array): string {
  return Buffer.from(value).toString("base64");
}
