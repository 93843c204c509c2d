import { type BigIntStats, statSync } from "node:fs";

/** A file or folder that this process uses, and the path at which the next process will look for it. */
export interface Place {
  readonly path: string;
  /**
   * Its present stats. Throws when the path names nothing or another file: what is written to an open descriptor would
   * be lost with the process.
   */
  look(): BigIntStats;
}

/** `inUse` are the stats of what is open: only while it is open, its inode number can't be given to another file. */
export function placeOf(path: string, inUse: BigIntStats = statSync(path, { bigint: true })): Place {
  const { dev, ino } = inUse;
  return {
    path,
    look() {
      const stats = statSync(path, { bigint: true, throwIfNoEntry: false });
      if (stats?.ino === ino && stats.dev === dev) return stats;
      throw new Error(`${path} was removed, moved or replaced while it was in use`);
    },
  };
}
