import type { Caller } from "../../src/caller.ts";
import type { Gate } from "../../src/grpc/gate.ts";

/** The caller of every call over plaintext from this machine. */
export const LOOPBACK: Caller = { name: "loopback", proof: "loopback", address: "127.0.0.1" };

/** A caller with a client certificate. */
export function callerNamed(name: string): Caller {
  return { name, proof: "mtls", address: "192.0.2.7" };
}

/** Lets everybody in as LOOPBACK, to do everything. */
export const OPEN_GATE: Gate = {
  identify: () => LOOPBACK,
  access: { admit() {}, admitMalformed() {}, allows: () => true, onChange: () => () => {} },
  open: () => () => {},
  openConnection: () => undefined,
};
