import type { MessagePort } from "node:worker_threads";
import type { FileUse } from "../state/file.ts";
import type { Change, KeyValue } from "../state/keyvalue.ts";
import type { SentError } from "./errors.ts";

/** The operations of the port that one answer ends. */
export type Operations = Omit<KeyValue, "watch">;

/** A call of the port: the operation and its arguments. */
export type Call = { [Name in keyof Operations]: readonly [Name, ...Parameters<Operations[Name]>] }[keyof Operations];

/** To the state's thread itself: a file to open, and the message port over which it is served from then on. */
export interface FileToServe {
  readonly path: string;
  readonly use: FileUse;
  readonly port: MessagePort;
}

/**
 * To a file in the state's thread. `now` is the service's clock (Unix milliseconds), by which the thread judges expiry.
 * After each `changes` of a watch the thread waits for `more`. After `close` the port closes.
 */
export type ToState =
  | { readonly type: "call"; readonly id: number; readonly now: number; readonly call: Call }
  | { readonly type: "watch"; readonly id: number; readonly now: number; readonly prefix: string }
  | { readonly type: "more" | "unwatch"; readonly id: number }
  | { readonly type: "close" };

/** From a file in the state's thread. After `failed` the port closes. */
export type FromState =
  | { readonly type: "opened" }
  | { readonly type: "failed"; readonly error: SentError }
  | { readonly type: "result"; readonly id: number; readonly result: unknown }
  | { readonly type: "refused"; readonly id: number; readonly error: SentError }
  | { readonly type: "changes"; readonly id: number; readonly changes: readonly Change[] }
  | { readonly type: "ended"; readonly id: number; readonly error: SentError };
