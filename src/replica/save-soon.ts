import { setTimeout as pause } from "node:timers/promises";

/**
 * Something that is saved a moment after it changed: a burst is written together, one writing at a time, and what takes long
 * to write is written seldom.
 */
export interface SavedSoon {
  changed(): void;
  /** Resolves when all that was changed so far is saved, or could not be. */
  saved(): Promise<void>;
}

const SOON_MS = 100;
/** How much longer than its writing took the pause after it is. */
const REST = 10;

export function savedSoon(save: () => Promise<void>, problem: (error: unknown) => void): SavedSoon {
  let dirty = false;
  let saving: Promise<void> | undefined;

  async function run(): Promise<void> {
    for (let tookMs = 0; dirty; ) {
      await pause(Math.max(SOON_MS, REST * tookMs));
      dirty = false;
      const began = performance.now();
      await save().catch(problem);
      tookMs = performance.now() - began;
    }
    saving = undefined;
  }

  return {
    changed() {
      dirty = true;
      saving ??= run();
    },
    saved: async () => saving,
  };
}
