import test from "ava";
import { issuerMetadata } from "../../src/http/discovery.ts";
import { ISSUER, serviceProfile, shippedProfile } from "../support/profiles/profiles.ts";

const metadataOf = (...args: Parameters<typeof issuerMetadata>) => JSON.parse(issuerMetadata(...args) ?? "null");

test("the metadata names the keys of the keyset service, and the algorithm with which its profiles sign", (t) => {
  const rsa = shippedProfile("service", (text) => text.replace("algorithm: EdDSA", "algorithm: RS256"));
  t.like(metadataOf(ISSUER, [shippedProfile("euler-stream"), rsa]), {
    jwks_uri: `${ISSUER}/keysets/service/jwks.json`,
    id_token_signing_alg_values_supported: ["RS256"],
  });
});

test("an issuer that ends with a slash keeps it, and its jwks_uri has one slash there", (t) => {
  const profile = { ...serviceProfile(), issuer: "https://issuer.test/eu/" };
  t.like(metadataOf("https://issuer.test/eu/", [profile]), {
    issuer: "https://issuer.test/eu/",
    jwks_uri: "https://issuer.test/eu/keysets/service/jwks.json",
  });
});

for (const [what, profiles] of [
  ["no profile", []],
  ["profiles of other keysets alone", [shippedProfile("euler-stream"), shippedProfile("hivekit")]],
  ["a profile of that keyset with another issuer", [{ ...serviceProfile(), issuer: "https://other.test" }]],
] as const)
  test(`with ${what} there is no metadata`, (t) => {
    t.is(metadataOf(ISSUER, profiles), null);
  });
