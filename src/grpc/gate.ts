import type { Access } from "../access/question.ts";
import type { Caller } from "../caller.ts";
import type { ConnectionProof } from "../callers/identify.ts";
import type { OpenConnection } from "./connections/proofs.ts";
import type { OpenCall } from "./open-calls.ts";

/** Names callers, and decides what they may do. */
export interface Gate {
  /**
   * The caller of a call, by the proof of its connection or the values of its `authorization` metadata. Throws or
   * rejects with the {@link Problem} UNAUTHENTICATED.
   */
  identify(proof: ConnectionProof, authorization: readonly string[]): Caller | Promise<Caller>;
  readonly access: Access;
  readonly open: OpenCall;
  readonly openConnection: OpenConnection;
}
