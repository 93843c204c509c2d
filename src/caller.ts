/**
 * How a caller has proven who it is: a client certificate, a token of a trusted issuer, a SPIFFE JWT-SVID, a token of
 * Signet itself, the mode of a Unix socket, or a connection from this machine.
 */
export type Proof = "mtls" | "jwt" | "jwt-svid" | "signet" | "unix" | "loopback";

/** The workload that calls, proven by exactly one proof. */
export interface Caller {
  /**
   * `spiffe://TRUST-DOMAIN/PATH`, `dns:NAME`, `jwt:ALIAS:SUBJECT`, `signet:PROFILE:SUBJECT`, `unix` or `loopback`.
   * Names are compared exactly.
   */
  readonly name: string;
  readonly proof: Proof;
  /** Its IP address, without a port; empty over a Unix socket. */
  readonly address: string;
}
