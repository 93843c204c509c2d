import type { SnapshotFiles } from "./snapshot-files.ts";

export interface ContactOptions {
  /** Unix milliseconds. */
  readonly now: () => number;
  /** Milliseconds of a clock that is never set. */
  readonly monotonic: () => number;
  /** The last contact before this start, in Unix milliseconds. Undefined: never. */
  readonly lastHeard: number | undefined;
  readonly maxOfflineMs: number;
}

/** When this replica last had contact with the shared state. */
export interface Contact {
  /** There is contact now. */
  renew(): void;
  /** Milliseconds since the last contact: the greatest possible age of this replica's view. Infinity: never. */
  ageMs(): number;
  /** When the last contact was, in Unix milliseconds. Undefined: never. */
  readonly lastHeard: number | undefined;
  /** Whether the last contact is so long ago that nothing may be issued. */
  readonly tooLongAgo: boolean;
}

/**
 * Measures with two clocks and believes the longer time: the monotonic clock stands still while the machine sleeps, and
 * the wall clock can be set back.
 */
export function createContact({ now, monotonic, lastHeard, maxOfflineMs }: ContactOptions): Contact {
  let wall = lastHeard;
  let steady = monotonic() - ageAtStart(now(), lastHeard);
  const ageMs = () => Math.max(monotonic() - steady, now() - (wall ?? -Infinity));
  return {
    renew() {
      wall = now();
      steady = monotonic();
    },
    ageMs,
    get lastHeard() {
      return wall;
    },
    get tooLongAgo() {
      return ageMs() > maxOfflineMs;
    },
  };
}

/** If the clock now is before the last contact, it was set back and the age is unknown. */
function ageAtStart(now: number, lastHeard: number | undefined): number {
  return lastHeard === undefined || lastHeard > now ? Infinity : now - lastHeard;
}

const NAME = "contact";

/** The last contact before this start, in Unix milliseconds. Undefined: none is known. */
export async function loadContact(files: SnapshotFiles): Promise<number | undefined> {
  const content = await files.load(NAME);
  const time = Number(content && Buffer.from(content).toString());
  return Number.isSafeInteger(time) ? time : undefined;
}

export async function saveContact(files: SnapshotFiles, lastHeard: number | undefined): Promise<void> {
  if (lastHeard !== undefined) await files.save(NAME, Buffer.from(String(Math.floor(lastHeard))));
}
