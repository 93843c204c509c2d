import { type ChannelCredentials, credentials } from "@grpc/grpc-js";
import { KeyServiceClient } from "../../../src/gen/signet/v1/keys.ts";
import { TokenServiceClient } from "../../../src/gen/signet/v1/token.ts";
import { openPolicy } from "../access/policies.ts";
import type { Service } from "../service/service.ts";
import type { Ending } from "../service/shared.ts";
import { clientCertificate, type LeafOptions } from "./certificates.ts";
import type { TlsFiles } from "./tls-files.ts";

/** The caller that may do everything. */
export const CALLER = "spiffe://example.org/a";

/**
 * Options of a client with a connection of its own: those with the same CA would share one, and its certificate. Without
 * a name, grpc-js sends the IP address that it dials as SNI, which RFC 6066, 3 forbids.
 */
export const OWN_CONNECTION = {
  "grpc.use_local_subchannel_pool": 1,
  "grpc.ssl_target_name_override": "localhost",
};

/**
 * The environment of a service whose gRPC listener has these files, and lets one caller do everything, under these
 * profiles.
 */
export async function grpcTlsEnv(t: Ending, { cert, key, clientCa }: TlsFiles, profiles?: readonly string[]) {
  return {
    SIGNET_ACCESS_POLICY: await openPolicy(t, [CALLER], profiles),
    SIGNET_GRPC_TLS_SOURCE: "files",
    SIGNET_GRPC_TLS_CERT: cert,
    SIGNET_GRPC_TLS_KEY: key,
    SIGNET_GRPC_TLS_CLIENT_CA: clientCa,
    SIGNET_CALLERS_TRUST_DOMAINS: "example.org",
  };
}

/** What a client shows that has a certificate of the listener's CA, with these names. */
export async function certified(
  { authority }: TlsFiles,
  names: LeafOptions["names"] = [["url", CALLER]],
): Promise<ChannelCredentials> {
  const { cert, key } = await clientCertificate(authority, { names });
  return credentials.createSsl(Buffer.from(authority.cert), Buffer.from(key), Buffer.from(cert));
}

/** What a client shows that trusts the listener's CA, and has no certificate. */
export function uncertified({ authority }: TlsFiles): ChannelCredentials {
  return credentials.createSsl(Buffer.from(authority.cert));
}

/** Clients that call with these credentials, until the test ends. */
export function clientsWith(t: Ending, address: string, channel: ChannelCredentials): Pick<Service, "tokens" | "keys"> {
  const tokens = new TokenServiceClient(address, channel, OWN_CONNECTION);
  const keys = new KeyServiceClient(address, channel, OWN_CONNECTION);
  t.teardown(() => {
    for (const client of [tokens, keys]) client.close();
  });
  return { tokens, keys };
}
