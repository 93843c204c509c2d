// A server of access tokens like those of the profile `service`: RFC 9068, EdDSA, the same issuer, audience and life. It
// prints its address in the format of the service's log, and ends on SIGTERM. Its argument is the secret of its client.
import { generateKeyPairSync } from "node:crypto";
import { createServer } from "node:http";
import Provider from "oidc-provider";

const { privateKey } = generateKeyPairSync("ed25519");
const provider = new Provider("https://signet.example", {
  jwks: { keys: [{ ...privateKey.export({ format: "jwk" }), alg: "EdDSA", use: "sig", kid: "benchmark-key-01" }] },
  clients: [
    {
      client_id: "user-1234567890",
      client_secret: process.argv[2],
      grant_types: ["client_credentials"],
      redirect_uris: [],
      response_types: [],
      token_endpoint_auth_method: "client_secret_basic",
      id_token_signed_response_alg: "EdDSA",
    },
  ],
  features: {
    clientCredentials: { enabled: true },
    devInteractions: { enabled: false },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => "https://api.example",
      getResourceServerInfo: (_context, resource) => ({
        audience: resource,
        scope: "",
        accessTokenTTL: 300,
        accessTokenFormat: "jwt",
        jwt: { sign: { alg: "EdDSA" } },
      }),
    },
  },
});
const server = createServer(provider.callback());
server.listen(0, "127.0.0.1", () => {
  const { port } = server.address();
  process.stdout.write(`${JSON.stringify({ event: "ready", grpc: `127.0.0.1:${port}` })}\n`);
});
process.once("SIGTERM", () => process.exit(0));
