import { createWakeup } from "./wakeup.ts";

/** Saves something a moment after it changed: one save covers a burst of changes, and one runs at a time. */
export interface Saver {
  changed(): void;
  /** Saves what has changed at once. Resolves when every change so far is saved or has failed to be. */
  saved(): Promise<void>;
}

const DELAY_MS = 100;
/** Saving takes at most a tenth of the time: one save of 10⁵ revocations takes half a second of a core. */
const PAUSE_PER_SAVE = 10;

export function createSaver(save: () => Promise<void>, onError: (error: unknown) => void): Saver {
  const hurry = createWakeup();
  let dirty = false;
  let inHurry = false;
  let mayBeginAt = 0;
  let saving: Promise<void> | undefined;

  async function run(): Promise<void> {
    while (dirty) {
      if (!inHurry) await hurry.wait(undefined, Math.max(DELAY_MS, mayBeginAt - performance.now()));
      dirty = false;
      const began = performance.now();
      await save().catch(onError);
      const ended = performance.now();
      mayBeginAt = ended + (ended - began) * PAUSE_PER_SAVE;
    }
    saving = undefined;
    inHurry = false;
  }

  return {
    changed() {
      dirty = true;
      saving ??= run();
    },
    async saved() {
      if (saving === undefined) return;
      // Also for a change during the save that runs: waiting for it would not keep a process alive that is ending.
      inHurry = true;
      hurry.wake();
      await saving;
    },
  };
}
