import { ServerCredentials } from "@grpc/grpc-js";
import type { CertificateSource } from "../tls/certificate-source.ts";
import { type MinVersion, secureContextOptions } from "../tls/secure-context.ts";
import { type Prove, proveByCertificate, proveLoopback, proveUnix } from "./connections/proofs.ts";
import { socketPath } from "./unix-socket.ts";

/** TLS of the listener. */
export interface GrpcTls {
  readonly source: CertificateSource;
  readonly minVersion: MinVersion;
  /** Those whose SPIFFE IDs a client's certificate may have. */
  readonly trustDomains: ReadonlySet<string>;
}

/** How the server speaks with its clients, and what their connections prove. */
export interface Transport {
  readonly credentials: ServerCredentials;
  readonly prove: Prove;
}

/** Without TLS, `address` MUST be a Unix socket or on loopback: anyone who reaches it is taken for a local caller. */
export function transportAt(address: string, tls: GrpcTls | undefined): Transport {
  if (tls !== undefined)
    return {
      credentials: new TlsCredentials(tls.source, tls.minVersion),
      prove: proveByCertificate(tls.source, tls.trustDomains),
    };
  const prove = socketPath(address) === undefined ? proveLoopback : proveUnix;
  return { credentials: ServerCredentials.createInsecure(), prove };
}

/**
 * TLS whose certificates change while the server runs. Clients are asked for a certificate where there are CAs to prove
 * it, and may show none: `createSsl` of grpc-js can't ask without demanding. What OpenSSL says of it is looked at
 * later, so that a client with a bad one learns why its calls are refused.
 */
class TlsCredentials extends ServerCredentials {
  constructor(source: CertificateSource, minVersion: MinVersion) {
    const { files, authorities } = source.current;
    super({ requestCert: authorities.length > 0, rejectUnauthorized: false }, secureContextOptions(files, minVersion));
    source.onChange((set) => this.updateSecureContextOptions(secureContextOptions(set.files, minVersion)));
  }

  override _equals(other: ServerCredentials): boolean {
    return this === other;
  }
}
