import { createSaver } from "../async/save-soon.ts";
import type { Entry } from "../state/keyvalue.ts";
import type { SnapshotFiles } from "./snapshot-files.ts";

/** The entries below a prefix as this replica last saw them, in memory and, a moment later, on disk. */
export interface EntriesSnapshot {
  /** Whether all that there was has ever been seen: without it nothing says what is missing. */
  readonly complete: boolean;
  all(): readonly Entry[];
  /** An entry without content was superseded by another one: it is forgotten. */
  take(entry: Entry): void;
  /** All that there is was taken. */
  completed(): void;
  /** Resolves when all that was taken is on disk, or could not be written. */
  saved(): Promise<void>;
}

/** Reads the snapshot `name`; one that can't be understood counts as none. Throws as {@link SnapshotFiles.load} does. */
export async function openEntriesSnapshot(
  files: SnapshotFiles,
  name: string,
  problem: (error: unknown) => void,
): Promise<EntriesSnapshot> {
  const content = await files.load(name);
  const held = new Map(content === undefined ? [] : parse(content).map((entry) => [entry.key, entry]));
  let complete = content !== undefined;
  // A part of it would pass for all of it.
  const save = async (): Promise<void> => {
    if (complete) await files.save(name, encode([...held.values()]));
  };
  const disk = createSaver(save, problem);

  return {
    get complete() {
      return complete;
    },
    all: () => [...held.values()],
    take(entry) {
      if (held.get(entry.key)?.revision === entry.revision) return;
      if (entry.value.byteLength > 0) held.set(entry.key, entry);
      else if (!held.delete(entry.key)) return;
      disk.changed();
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

/** The file's own digest has vouched for it. */
function parse(content: Uint8Array): Entry[] {
  const entries: (Omit<Entry, "value"> & { readonly value: string })[] = JSON.parse(Buffer.from(content).toString());
  return entries.map((entry) => ({ ...entry, value: Buffer.from(entry.value, "base64") }));
}

function toText(value: Uint8Array): string {
  return Buffer.from(value).toString("base64");
}
