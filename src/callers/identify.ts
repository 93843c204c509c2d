import type { Caller } from "../caller.ts";
import { Problem } from "../problem/problem.ts";

/** What the connection of a call proves. `address` is the IP address of the client; empty over a Unix socket. */
export type ConnectionProof =
  | { readonly kind: "certificate"; readonly name: string; readonly address: string }
  /** The client showed a certificate that proves no name. `reason` is human-readable and names no value of it. */
  | { readonly kind: "bad"; readonly reason: string; readonly address: string }
  /** Over TLS without a certificate, over plaintext from this machine, or over a Unix socket. */
  | { readonly kind: "none"; readonly transport: "tls" | "loopback" | "unix"; readonly address: string };

/**
 * The caller that a credential names, without its address. Throws or rejects with the {@link Problem} UNAUTHENTICATED.
 * `authorization` is the value of the header: a scheme, a space and a token (RFC 9110, 11.4).
 */
export type CheckCredential = (authorization: string) => Proven | Promise<Proven>;

/** A caller without its address, which only its connection knows. */
export type Proven = Omit<Caller, "address">;

/**
 * Names the caller of a call by its only proof: the certificate of its connection, or else the token in its metadata,
 * or else the socket itself. Two proofs could name two callers, and one that is bad is never passed over for another: a
 * client would not notice which of them counts.
 *
 * @throws Problem UNAUTHENTICATED, also as a rejection.
 */
export function identify(
  proof: ConnectionProof,
  authorization: readonly string[],
  checkCredential: CheckCredential,
): Caller | Promise<Caller> {
  const { address } = proof;
  if (proof.kind === "bad") throw unauthenticated(`the client certificate ${proof.reason}`);
  const [credential, ...others] = authorization;
  if (credential === undefined) return callerOf(proof);
  if (proof.kind === "certificate")
    throw unauthenticated("the call has two proofs, a client certificate and an authorization header: send one");
  if (others.length > 0) throw unauthenticated("the call has several authorization headers: send one");
  const proven = checkCredential(credential);
  const at = (known: Proven): Caller => ({ ...known, address });
  return proven instanceof Promise ? proven.then(at) : at(proven);
}

function callerOf(proof: Exclude<ConnectionProof, { kind: "bad" }>): Caller {
  const { address } = proof;
  if (proof.kind === "certificate") return { name: proof.name, proof: "mtls", address };
  if (proof.transport === "tls")
    throw unauthenticated("the call has no proof: connect with a client certificate, or send an authorization header");
  return { name: proof.transport, proof: proof.transport, address };
}

/** `message` says what is wrong with the proof and what is accepted. It contains no part of it. */
export function unauthenticated(message: string, metadata: Problem["metadata"] = {}): Problem {
  return new Problem("UNAUTHENTICATED", message, { metadata });
}
