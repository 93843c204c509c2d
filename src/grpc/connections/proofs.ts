import type { IncomingHttpHeaders } from "node:http2";
import type { Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import type { Metadata } from "@grpc/grpc-js";
import type { Caller } from "../../caller.ts";
import { nameOfCertificate } from "../../callers/certificate-name.ts";
import { type ConnectionProof, unauthenticated } from "../../callers/identify.ts";
import type { CertificateSource } from "../../tls/certificate-source.ts";
import { type ClientTrust, lapsed, sentCertificates, trustIn } from "../../tls/client-trust.ts";

/** What a client has proven when it connected. `trust` is on what a certificate's proof rests. */
interface Proven {
  readonly proof: ConnectionProof;
  readonly trust: ClientTrust | undefined;
}

/** Proves the client of a new connection: once, since a certificate and its chain take a while to read. */
export type Prove = (socket: Socket) => Proven;

/** An open connection, and what its client has proven. */
export interface ProvenConnection extends Proven {
  readonly number: string;
  /** Until when the proof counts, in Unix milliseconds. */
  until: number;
  /** The callers for whom it is counted, and what ends that. */
  readonly counted: Map<string, () => void>;
}

/**
 * Counts a connection of the caller until the returned function is called; undefined: its connections are not limited.
 * Throws the Problem RATE_LIMITED.
 */
export type OpenConnection = (caller: Caller) => (() => void) | undefined;

/** The number of a connection among the headers of its calls, for grpc-js. What a client sends there is replaced. */
const CONNECTION = "signet-connection";

/** Of a server that serves plaintext at a loopback address. */
export const proveLoopback: Prove = ({ remoteAddress = "" }) => ({
  proof: { kind: "none", transport: "loopback", address: remoteAddress },
  trust: undefined,
});

/** Of a server at a Unix socket. */
export const proveUnix: Prove = () => ({
  proof: { kind: "none", transport: "unix", address: "" },
  trust: undefined,
});

/** By the client's certificate, if it shows one. OpenSSL has verified its chain, its dates and its purpose. */
export function proveByCertificate(source: CertificateSource, trustDomains: ReadonlySet<string>): Prove {
  return (socket) => {
    const tls = socket as TLSSocket;
    const { remoteAddress: address = "" } = tls;
    const bad = (reason: string): Proven => ({ proof: { kind: "bad", reason, address }, trust: undefined });
    const leaf = tls.getPeerX509Certificate();
    if (leaf === undefined) return { proof: { kind: "none", transport: "tls", address }, trust: undefined };
    if (!tls.authorized) return bad(`is not trusted: ${tls.authorizationError}`);
    const named = nameOfCertificate(leaf, trustDomains);
    if ("reason" in named) return bad(named.reason);
    const trust = trustIn(sentCertificates(leaf), source.current.authorities);
    // The CAs may have changed during the handshake. Node 24.21 and 26.8 lose a client's intermediate certificates.
    if (trust.authorities.length === 0)
      return bad("is not trusted: its CA was removed, or this version of Node loses intermediate certificates");
    return { proof: { kind: "certificate", name: named.name, address }, trust };
  };
}

/**
 * What the clients of all open connections have proven. A call finds it by the number of its connection: `getPeer()` of
 * grpc-js is ambiguous where a server has several addresses, as a client may then use one port twice.
 */
export class ConnectionProofs {
  readonly #prove: Prove;
  /** Unix milliseconds. */
  readonly #now: () => number;
  readonly #openConnection: OpenConnection;
  readonly #open = new Map<string, ProvenConnection>();
  #count = 0;

  constructor(prove: Prove, openConnection: OpenConnection, now: () => number) {
    this.#prove = prove;
    this.#openConnection = openConnection;
    this.#now = now;
  }

  open(socket: Socket): ProvenConnection {
    this.#count += 1;
    const { proof, trust } = this.#prove(socket);
    const until = trust?.until ?? Number.POSITIVE_INFINITY;
    const opened = { proof, trust, number: String(this.#count), until, counted: new Map() };
    this.#open.set(opened.number, opened);
    return opened;
  }

  close({ number, counted }: ProvenConnection): void {
    this.#open.delete(number);
    for (const end of counted.values()) end();
    counted.clear();
  }

  /** Notes the connection of a call in its headers. */
  mark(headers: IncomingHttpHeaders, { number }: ProvenConnection): void {
    headers[CONNECTION] = number;
  }

  /** What the client of a call has proven. @throws Problem UNAUTHENTICATED when its connection has ended. */
  of(metadata: Metadata): ConnectionProof {
    const connection = this.#connectionOf(metadata);
    if (connection === undefined) throw unauthenticated("the connection of the call has ended");
    if (!this.hasEnded(connection)) return connection.proof;
    return { kind: "bad", reason: "has expired, or its CA was removed", address: connection.proof.address };
  }

  /**
   * Counts the connection of a call for its caller, until it ends; one that is a caller too many for it asks again with
   * each call. @throws Problem RATE_LIMITED
   */
  count(metadata: Metadata, caller: Caller): void {
    const connection = this.#connectionOf(metadata);
    // It may have ended while the caller's token was checked.
    if (connection === undefined || connection.counted.has(caller.name)) return;
    const end = this.#openConnection(caller);
    if (end !== undefined) connection.counted.set(caller.name, end);
  }

  #connectionOf(metadata: Metadata): ProvenConnection | undefined {
    return this.#open.get(String(metadata.get(CONNECTION)[0]));
  }

  /** Whether the certificate of its client has expired, or is no longer trusted. */
  hasEnded({ until }: ProvenConnection): boolean {
    return this.#now() >= until;
  }

  /** Ends the proofs of clients whose CA is no longer configured. */
  keepTrusted({ authorities }: CertificateSource["current"]): void {
    for (const connection of lapsed(this.#open.values(), authorities)) connection.until = Number.NEGATIVE_INFINITY;
  }
}
