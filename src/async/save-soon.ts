import { setTimeout as pause } from "node:timers/promises";

/** Something that is saved a moment after it changed: a burst is written together, one writing at a time. */
export interface SavedSoon {
  changed(): void;
  /** Resolves when all that was changed so far is saved, or could not be. */
  saved(): Promise<void>;
}

const SOON_MS = 100;

export function savedSoon(save: () => Promise<void>, problem: (error: unknown) => void): SavedSoon {
  let dirty = false;
  let saving: Promise<void> | undefined;

  async function run(): Promise<void> {
    while (dirty) {
      await pause(SOON_MS);
      dirty = false;
      await save().catch(problem);
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
