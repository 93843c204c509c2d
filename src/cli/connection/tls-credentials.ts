import { X509Certificate } from "node:crypto";
import type { Socket } from "node:net";
import { isIP } from "node:net";
import { connect, type PeerCertificate, type SecureContext } from "node:tls";
import { ChannelCredentials, credentials } from "@grpc/grpc-js";
import { parseSpiffeId, type SpiffeId } from "../../access/spiffe-id.ts";
import { nameOfCertificate } from "../../callers/certificate-name.ts";

type SecureConnector = ReturnType<ChannelCredentials["_createSecureConnector"]>;

/**
 * TLS to a server that proves to be `serverName`, a DNS name, an IP address or a SPIFFE ID. Unlike grpc-js' own
 * credentials, it keeps the error of a handshake with its code, and sends no IP address as SNI, which RFC 6066, 3
 * forbids.
 */
export class TlsCredentials extends ChannelCredentials {
  /** The last error of a connection, as Node or OpenSSL gave it. */
  failure: NodeJS.ErrnoException | undefined;
  readonly #context: SecureContext;
  readonly #serverName: string;

  constructor(context: SecureContext, serverName: string) {
    super();
    this.#context = context;
    this.#serverName = serverName;
  }

  override _isSecure(): boolean {
    return true;
  }

  override _equals(other: ChannelCredentials): boolean {
    return this === other;
  }

  override _createSecureConnector(
    _target: unknown,
    _options: object,
    callCredentials = credentials.createEmpty(),
  ): SecureConnector {
    return {
      connect: async (socket) => ({ socket: await this.#secure(socket), secure: true }),
      waitForReady: async () => {},
      getCallCredentials: () => callCredentials,
      destroy() {},
    };
  }

  #secure(socket: Socket): Promise<Socket> {
    const name = this.#serverName;
    const spiffeId = parseSpiffeId(name);
    const identity =
      spiffeId === undefined
        ? { host: name, ...(isIP(name) === 0 ? { servername: name } : {}) }
        : { checkServerIdentity: (_: string, { raw }: PeerCertificate) => spiffeFault(raw, spiffeId) };
    return new Promise((resolve, reject) => {
      const secured = connect({ socket, secureContext: this.#context, ...identity, ALPNProtocols: ["h2"] }, () =>
        resolve(secured),
      );
      // In TLS 1.3 a server refuses a client's certificate only after the handshake.
      secured.on("error", (error) => {
        this.failure = error;
        reject(error);
      });
    });
  }
}

/** As X509-SVID, 5 has it: one SPIFFE ID is the only URI of the certificate. */
function spiffeFault(raw: Buffer, { id, trustDomain }: SpiffeId): Error | undefined {
  const proven = nameOfCertificate(new X509Certificate(raw), new Set([trustDomain]));
  if ("name" in proven && proven.name === id) return undefined;
  const message = "name" in proven ? `it is for ${proven.name}` : `it ${proven.reason}`;
  return Object.assign(new Error(message), { code: "ERR_TLS_CERT_ALTNAME_INVALID" });
}
