import { savedSoon } from "../replica/save-soon.ts";
import type { SnapshotFiles } from "../replica/snapshot-files.ts";
import { encodeRevocation, parseRevocation, type Revocation } from "../revoke/revocation.ts";
import { Problem } from "../token/problem.ts";

/** What this replica knows of revocations, kept on disk for a start without the store. */
export interface RevocationFile {
  /** Undefined: nothing was ever kept. */
  load(): Promise<readonly Revocation[] | undefined>;
  /** Keeps all of them, and again a moment after each that is told, until the signal aborts. */
  keep(revocations: Kept, signal: AbortSignal): Promise<void>;
}

interface Kept {
  all(): Iterable<Revocation>;
  watch(signal: AbortSignal): AsyncIterable<Revocation | "current">;
}

const NAME = "revocations";

export function revocationFile(files: SnapshotFiles, problem: (error: unknown) => void): RevocationFile {
  return {
    async load() {
      const content = await files.load(NAME);
      if (content === undefined) return undefined;
      const lines = Buffer.from(content).toString().split("\n");
      return lines.flatMap((line) => parseRevocation({ value: Buffer.from(line) }) ?? []);
    },
    async keep(revocations, signal) {
      const disk = savedSoon(() => files.save(NAME, encode(revocations.all())), problem);
      while (!signal.aborted) {
        try {
          let current = false;
          for await (const told of revocations.watch(signal)) {
            current ||= told === "current";
            if (current) disk.changed();
          }
        } catch (error) {
          // So many came at once that the watch was cut: the next one begins with all of them.
          if (!(error instanceof Problem)) throw error;
        }
      }
      await disk.saved();
    },
  };
}

function encode(revocations: Iterable<Revocation>): Uint8Array {
  return Buffer.from(Array.from(revocations, (one) => Buffer.from(encodeRevocation(one)).toString()).join("\n"));
}
