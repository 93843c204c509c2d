import { type BigIntStats, statSync } from "node:fs";
import { stat } from "node:fs/promises";

/** A file or folder that this process uses, and the path at which the next process will look for it. */
export interface Place {
  readonly path: string;
  /**
   * Its present stats. Throws when the path names nothing or another file: what is written to an open descriptor would
   * be lost with the process.
   */
  look(): BigIntStats;
  /** As `look`, but rejects, and the thread does not wait: where the storage hangs, a look takes as long. */
  lookAsync(): Promise<BigIntStats>;
}

/** `inUse` are the stats of what is open: only while it is open, its inode number can't be given to another file. */
export function placeOf(path: string, inUse: BigIntStats = statSync(path, { bigint: true })): Place {
  const { dev, ino } = inUse;

  function requireSame(stats: BigIntStats | undefined): BigIntStats {
    if (stats?.ino === ino && stats.dev === dev) return stats;
    throw new Error(`${path} was removed, moved or replaced while it was in use`);
  }

  return {
    path,
    look: () => requireSame(statSync(path, { bigint: true, throwIfNoEntry: false })),
    lookAsync: async () => requireSame(await stat(path, { bigint: true }).catch(absent)),
  };
}

/** A place that is looked at again and again. */
export interface ObservedPlace {
  /** What the last look found wrong. */
  readonly fault: string | undefined;
  /** Begins a look, unless one is under way. */
  look(): void;
}

export function observe(place: Pick<Place, "lookAsync">): ObservedPlace {
  let fault: string | undefined;
  let isLooking = false;

  async function lookOnce(): Promise<void> {
    try {
      await place.lookAsync();
      fault = undefined;
    } catch (error) {
      fault = error instanceof Error ? error.message : String(error);
    } finally {
      isLooking = false;
    }
  }

  return {
    get fault() {
      return fault;
    },
    look() {
      if (isLooking) return;
      isLooking = true;
      void lookOnce();
    },
  };
}

function absent(error: NodeJS.ErrnoException): undefined {
  if (error.code !== "ENOENT" && error.code !== "ENOTDIR") throw error;
}
