import type { EventEmitter } from "node:events";
import type { Readable } from "node:stream";

/** An output stream, whether a person looks at it, and on a terminal how wide that is. */
export interface Output extends NodeJS.WritableStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
}

/** All that the command line touches of its process, so that it runs without one. */
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

/** Reports how a command ended; a command that says nothing ended with 0. */
export type Exit = (code: number) => void;
