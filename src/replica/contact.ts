import type { SnapshotFiles } from "./snapshot-files.ts";

export interface ContactOptions {
  /** Unix milliseconds. */
  readonly now: () => number;
  /** Milliseconds of a clock that nobody sets. */
  readonly monotonic: () => number;
  /** When this replica last heard of the store before it started, in Unix milliseconds. Undefined: never. */
  readonly lastHeard: number | undefined;
  readonly maxOfflineMs: number;
}

/** When the shared state was last heard of. */
export interface Contact {
  /** It was heard of just now. */
  heard(): void;
  /** Milliseconds since then: how old all that is known of it may be. Infinity: it never was. */
  ageMs(): number;
  /** Unix milliseconds of then. Undefined: it never was. */
  readonly lastHeard: number | undefined;
  /** Whether it is so long ago that nothing may be issued. */
  readonly tooLongAgo: boolean;
}

/** Goes by the clock that tells the longer time: the monotonic one stands still in sleep, the other one can be set back. */
export function createContact({ now, monotonic, lastHeard, maxOfflineMs }: ContactOptions): Contact {
  let wall = lastHeard;
  let steady = monotonic() - ageAtStart(now(), lastHeard);
  const ageMs = () => Math.max(monotonic() - steady, now() - (wall ?? -Infinity));
  return {
    heard() {
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

/** A clock that lies before what it showed then says nothing about how long ago it is. */
function ageAtStart(now: number, lastHeard: number | undefined): number {
  return lastHeard === undefined || lastHeard > now ? Infinity : now - lastHeard;
}

const NAME = "contact";

/** When the store was last heard of, in Unix milliseconds, for the next start. Undefined: never, as far as is known. */
export async function loadContact(files: SnapshotFiles): Promise<number | undefined> {
  const content = await files.load(NAME);
  const time = Number(content && Buffer.from(content).toString());
  return Number.isSafeInteger(time) ? time : undefined;
}

export async function saveContact(files: SnapshotFiles, lastHeard: number | undefined): Promise<void> {
  if (lastHeard !== undefined) await files.save(NAME, Buffer.from(String(Math.floor(lastHeard))));
}
