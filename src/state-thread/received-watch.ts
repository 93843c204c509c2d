import { createWakeup } from "../async/wakeup.ts";
import type { Change } from "../state/keyvalue.ts";

/** A watch whose changes come from the other thread. */
export interface ReceivedWatch {
  put(changes: readonly Change[]): void;
  /** Ends the watch with the error, after what was put in. */
  fail(error: Error): void;
  /** Yields every change, until the signal aborts. */
  changes(signal: AbortSignal): AsyncGenerator<Change>;
}

/** `onRead` is called after each batch: the next one may come. */
export function createReceivedWatch(onRead: () => void): ReceivedWatch {
  const arrived = createWakeup();
  let batch: readonly Change[] | undefined;
  let failure: Error | undefined;

  return {
    put(changes) {
      batch = changes;
      arrived.wake();
    },
    fail(error) {
      failure ??= error;
      arrived.wake();
    },
    async *changes(signal) {
      while (!signal.aborted) {
        if (batch !== undefined) {
          const changes = batch;
          batch = undefined;
          for (const change of changes) {
            if (signal.aborted) return;
            yield change;
          }
          onRead();
        } else if (failure === undefined) await arrived.wait(signal);
        else throw failure;
      }
    },
  };
}
