import type { EventEmitter } from "node:events";
import type { Readable } from "node:stream";

/** An output stream. `isTTY` and `columns` (the width) are set for a terminal. */
export interface Output extends NodeJS.WritableStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
}

/** Everything that the command line uses of its process, so that tests run it without one. */
export interface Io {
  readonly stdin: Readable & { readonly isTTY?: boolean };
  readonly stdout: Output;
  readonly stderr: Output;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Unix milliseconds. */
  readonly now: () => number;
  /** Emits "SIGINT", "SIGTERM" and "SIGHUP" with the name as the argument, as `process` does. */
  readonly signals: EventEmitter;
}

/** Sets the exit code of a command; without a call it is 0. */
export type Exit = (code: number) => void;
