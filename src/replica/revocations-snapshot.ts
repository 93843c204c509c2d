import { follow } from "../async/follow.ts";
import { createSaver } from "../async/save-soon.ts";
import { Problem } from "../problem/problem.ts";
import { parseRevocationText, type Revocation, revocationText } from "../revoke/revocation.ts";
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
/** How many are encoded in one turn of the event loop: encoding 10⁵ at once would make every call wait. */
const PER_TURN = 500;

export function createRevocationFile(files: SnapshotFiles, onError: (error: unknown) => void): RevocationFile {
  return {
    async load() {
      const revocations: Revocation[] = [];
      const found = await files.loadLines(NAME, (line) => {
        const revocation = parseRevocationText(line);
        if (revocation !== undefined) revocations.push(revocation);
      });
      return found ? revocations : undefined;
    },
    async keep(revocations, signal) {
      const disk = createSaver(() => files.saveLines(NAME, encode(revocations.all())), onError);
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
async function* encode(revocations: Iterable<Revocation>): AsyncGenerator<string> {
  let lines: string[] = [];
  for (const one of revocations) {
    lines.push(`${revocationText(one)}\n`);
    if (lines.length < PER_TURN) continue;
    yield lines.join("");
    lines = [];
  }
  yield lines.join("");
}
