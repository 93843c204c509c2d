import type { Metadata } from "@grpc/grpc-js";
import type { Caller } from "../caller.ts";
import type { ConnectionProofs } from "./connections/proofs.ts";
import type { Gate } from "./gate.ts";
import type { Naming } from "./server-stream.ts";
import type { NameCaller } from "./unary.ts";

/** Names the caller of a call, and counts its connection for that caller. */
export function callerNaming(gate: Gate, proofs: ConnectionProofs): Naming {
  const proveAgain: NameCaller = ({ metadata }) => gate.identify(proofs.of(metadata), authorizationOf(metadata));
  const nameCaller: NameCaller = (call) => {
    const counted = (caller: Caller): Caller => {
      proofs.count(call.metadata, caller);
      return caller;
    };
    const caller = proveAgain(call);
    return caller instanceof Promise ? caller.then(counted) : counted(caller);
  };
  return { nameCaller, proveAgain };
}

function authorizationOf(metadata: Metadata): readonly string[] {
  // A name that does not end in -bin has values of text.
  return metadata.get("authorization") as string[];
}
