import { once } from "node:events";
import { connect as connectHttp2, constants } from "node:http2";
import { type ConnectionOptions, connect, type TLSSocket } from "node:tls";
import { credentials, Metadata, type ServiceError } from "@grpc/grpc-js";
import type { ExecutionContext } from "ava";
import { type ConnectionProof, identify } from "../../src/callers/identify.ts";
import { ProfileServiceClient } from "../../src/gen/signet/v1/profiles.ts";
import type { Gate } from "../../src/grpc/gate.ts";
import { type GrpcServer, startGrpcServer, type TransportOptions } from "../../src/grpc/server.ts";
import { checkCertificates } from "../../src/tls/certificate-set.ts";
import { createCertificateSource } from "../../src/tls/certificate-source.ts";
import type { MinVersion } from "../../src/tls/secure-context.ts";
import { bounded } from "../support/bounded.ts";
import { OPEN_GATE } from "../support/caller.ts";
import { servicesWith } from "../support/service/no-services.ts";
import { TRANSPORT } from "../support/service/transport.ts";
import { type Authority, type Issued, serverCertificate } from "../support/tls/certificates.ts";
import { OWN_CONNECTION } from "../support/tls/tls-service.ts";

/** A set with a new certificate of the first CA, which proves clients of all of them. */
export async function newSet(...authorities: readonly [Authority, ...Authority[]]) {
  const { cert, key } = await serverCertificate(authorities[0]);
  const files = {
    cert: Buffer.from(cert),
    key: Buffer.from(key),
    ca: Buffer.from(authorities.map((authority) => authority.cert).join("\n")),
  };
  return checkCertificates(files, { cert: "CERT", key: "KEY", ca: "CA" }, Date.now());
}

/** A gRPC server over TLS that names callers as the service does, and takes `Bearer good` for a good token. */
export async function tlsServer(
  t: ExecutionContext,
  authorities: readonly [Authority, ...Authority[]],
  options: Partial<TransportOptions> & { readonly minVersion?: MinVersion } = {},
) {
  const source = createCertificateSource(await newSet(...authorities));
  const proofs: ConnectionProof[] = [];
  const limits: string[] = [];
  const gate: Gate = {
    ...OPEN_GATE,
    identify(proof, authorization) {
      proofs.push(proof);
      return identify(proof, authorization, () => ({ name: "jwt:test:a", proof: "jwt" }));
    },
  };
  const { minVersion = "1.3", ...transport } = options;
  const trustDomains = new Set(["example.org"]);
  const server: GrpcServer = await startGrpcServer(
    "127.0.0.1:0",
    servicesWith(),
    gate,
    { ...TRANSPORT, ...transport, tls: { source, minVersion, trustDomains } },
    () => {},
    (limit) => limits.push(limit),
  );
  t.teardown(() => server.stop(0));
  const port = Number(server.address.split(":")[1]);
  const [{ cert: ca }] = authorities;

  return {
    server,
    source,
    limits,
    /** A client with a connection of its own. Its calls resolve with the proof of their connection. */
    client(issued?: Issued) {
      const pair = issued && ([Buffer.from(issued.key), Buffer.from(issued.cert)] as const);
      const channel = credentials.createSsl(Buffer.from(ca), ...(pair ?? []));
      const client = new ProfileServiceClient(server.address, channel, OWN_CONNECTION);
      t.teardown(() => client.close());
      return (metadata: Readonly<Record<string, string>> = {}): Promise<ConnectionProof | undefined> =>
        new Promise((resolve, reject) => {
          const sent = new Metadata();
          for (const [name, value] of Object.entries(metadata)) sent.add(name, value);
          const onAnswer = (error: ServiceError | null) => (error ? reject(error) : resolve(proofs.at(-1)));
          client.listProfiles({}, sent, bounded(), onAnswer);
        });
    },
    /** A TLS connection that speaks no HTTP/2. Rejects when the handshake fails. */
    async shakeHands(options: ConnectionOptions = {}): Promise<TLSSocket> {
      const socket = connect({
        port,
        host: "127.0.0.1",
        servername: "localhost",
        ca,
        ALPNProtocols: ["h2"],
        ...options,
      });
      t.teardown(() => socket.destroy());
      await once(
        socket.on("error", () => {}),
        "secureConnect",
      );
      return socket;
    },
    /** An HTTP/2 session, with the codes of the GOAWAYs that it gets. */
    async session(issued: Issued) {
      const session = connectHttp2(`https://${server.address}`, { ca, servername: "localhost", ...issued });
      t.teardown(() => session.destroy());
      const goaways: number[] = [];
      session.on("goaway", (code) => goaways.push(code)).on("error", () => {});
      await once(session, "connect");
      return { session, goaways };
    },
  };
}

export const { NGHTTP2_NO_ERROR } = constants;
