import { type ChannelCredentials, credentials, Metadata } from "@grpc/grpc-js";
import { readTlsFiles, readTokenFile } from "./proof-files.ts";
import { hostOf, type Target, type Transport, transportOf } from "./target.ts";
import { TlsCredentials } from "./tls-credentials.ts";

/** What a gRPC client needs to reach the service as the caller that the target proves. */
export interface Connection {
  /** In the form of grpc-js, which would take a host named `dns` or `unix` for a scheme. */
  readonly address: string;
  readonly credentials: ChannelCredentials;
  /** With the caller's token. It never leaves this machine in plaintext, since plaintext is for this machine alone. */
  readonly metadata: Metadata;
  readonly transport: Transport;
}

/**
 * Reads what proves the caller and the server. It connects to nothing.
 *
 * @throws Failure with what is wrong with the options or their files
 */
export async function createConnection(target: Target): Promise<Connection> {
  const transport = transportOf(target);
  const { address, serverName = hostOf(address), tokenFile } = target;
  const metadata = new Metadata();
  if (tokenFile !== undefined) metadata.set("authorization", `Bearer ${await readTokenFile(tokenFile)}`);
  return {
    address: transport === "unix" ? address : `dns:${address}`,
    credentials:
      transport === "tls" ? new TlsCredentials(await readTlsFiles(target), serverName) : credentials.createInsecure(),
    metadata,
    transport,
  };
}
