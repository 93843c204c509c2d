import { follow } from "../async/follow.ts";
import { inTurns } from "../async/in-turns.ts";
import { createSaver } from "../async/save-soon.ts";
import { Problem } from "../problem/problem.ts";
import { encodeRevocation, parseRevocation, type Revocation } from "../revoke/revocation.ts";
import type { SnapshotFiles } from "./snapshot-files.ts";

/** The revocations that this replica knows, on disk for a start without the store. */
export interface RevocationFile {
  /** Undefined: nothing was ever saved. */
  load(): Promise<readonly Revocation[] | undefined>;
  /** Saves all revocations, and again a moment after each new one, until the signal aborts. */
  keep(revocations: Watched, signal: AbortSignal): Promise<void>;
}

interface Watched {
  all(): Iterable<Revocation>;
  watch(signal: AbortSignal): AsyncIterable<Revocation | "current">;
}

const NAME = "revocations";
const LINE_BREAK = Buffer.from("\n");

export function createRevocationFile(files: SnapshotFiles, onError: (error: unknown) => void): RevocationFile {
  return {
    async load() {
      const content = await files.load(NAME);
      if (content === undefined) return undefined;
      const lines = Buffer.from(content).toString().split("\n");
      return lines.flatMap((line) => parseRevocation({ value: Buffer.from(line) }) ?? []);
    },
    async keep(revocations, signal) {
      const disk = createSaver(async () => files.save(NAME, await encode(revocations.all())), onError);
      let current = false;
      await follow<Revocation | "current">(
        {
          source(signal) {
            current = false;
            return revocations.watch(signal);
          },
          onItem(item) {
            current ||= item === "current";
            if (current) disk.changed();
          },
          onError(error) {
            // A slow reader: the watch was cut off, and the next one begins with every revocation.
            if (!(error instanceof Problem)) throw error;
          },
          pauseAfter: () => 0,
        },
        signal,
      );
      await disk.saved();
    },
  };
}

/** One revocation per line. One that comes or goes meanwhile may be missing: it causes another save. */
async function encode(revocations: Iterable<Revocation>): Promise<Uint8Array> {
  const lines: Uint8Array[] = [];
  for await (const one of inTurns(revocations)) lines.push(encodeRevocation(one), LINE_BREAK);
  return Buffer.concat(lines);
}
