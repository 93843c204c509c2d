import { pause } from "./timeout.ts";

/** Saves something a moment after it changed: one save covers a burst of changes, and one runs at a time. */
export interface Saver {
  changed(): void;
  /** Resolves when every change so far is saved or has failed to be. */
  saved(): Promise<void>;
}

const DELAY_MS = 100;

export function createSaver(save: () => Promise<void>, onError: (error: unknown) => void): Saver {
  let dirty = false;
  let saving: Promise<void> | undefined;

  async function run(): Promise<void> {
    while (dirty) {
      await pause(DELAY_MS);
      dirty = false;
      await save().catch(onError);
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
