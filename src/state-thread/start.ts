import { MessageChannel, Worker } from "node:worker_threads";
import { type FileUse, STATE_FILE } from "../state/file.ts";
import { type KeyValue, StateError } from "../state/keyvalue.ts";
import type { FileToServe } from "./messages.ts";
import { createThreadedFile, type ThreadedFile, type ThreadShared } from "./threaded-file.ts";

/** The entry point of the thread. */
export const STATE_THREAD = new URL(import.meta.resolve("#state-thread"));

/** A store whose file only the state's thread touches. */
export interface ThreadedKeyValue extends KeyValue {
  /**
   * Closes the file, and waits for that at most `ms`. Every watch ends with UNAVAILABLE, which every later call throws
   * too. The other files go on. With the last of them the thread ends, even where a file could not be closed in time.
   */
  close(ms: number): Promise<void>;
}

/** The thread of the state's files. */
export interface StateThread {
  /**
   * Opens the store in the file at `path`. Rejects as {@link openFileKeyValue} does; the other files go on. When it was
   * the only file, the thread ends.
   */
  open(path: string, use?: FileUse): Promise<ThreadedKeyValue>;
}

/**
 * Starts the thread that opens and serves the state's files, so that no sync of them takes time from the thread that
 * answers calls. It ends with its last file, and opens none afterwards. A thread that never opened a file does not end
 * by itself: the caller MUST open one. `now` in Unix milliseconds.
 *
 * The files share the thread, because each thread takes 10 MB. They take turns, a call each: between two calls of a file
 * the thread serves at most one of the other, which may be a transaction of milliseconds or tens of them.
 *
 * When the thread dies while a file is open, `onDeath` is called once, and every pending and later call and every watch
 * of every file is UNAVAILABLE. So is a call while the thread has answered nothing for 30 s.
 */
export function startStateThread(
  now: () => number,
  onDeath: (error: unknown) => void,
  program: URL = STATE_THREAD,
): StateThread {
  const worker = new Worker(program);
  const shared: ThreadShared = { now, messages: 0 };
  const files = new Set<ThreadedFile>();
  let ended: StateError | undefined;

  function die(cause: unknown): void {
    if (ended !== undefined) return;
    ended = new StateError("UNAVAILABLE", "the state's thread has died", { cause });
    const isLoss = [...files].some((file) => file.isOpen);
    for (const file of files) file.lose(cause);
    if (isLoss) onDeath(cause);
  }

  worker.once("error", die);
  worker.once("exit", () => die(new Error("the state's thread has ended")));

  /** To be called when the file is closed, or can't be. */
  function leave(file: ThreadedFile): void {
    files.delete(file);
    if (files.size > 0) return;
    ended ??= new StateError("UNAVAILABLE", "the state's thread has ended");
    // Not awaited: the thread ends only when its running storage operations have ended.
    void worker.terminate();
  }

  return {
    async open(path, use = STATE_FILE) {
      if (ended !== undefined) throw ended;
      const { port1, port2: port } = new MessageChannel();
      const file = createThreadedFile(port1, shared);
      files.add(file);
      worker.postMessage({ path, use, port } satisfies FileToServe, [port]);
      try {
        await file.opened;
      } catch (error) {
        leave(file);
        throw error;
      }
      return {
        ...file.store,
        async close(ms) {
          await file.close(ms);
          leave(file);
        },
      };
    },
  };
}
