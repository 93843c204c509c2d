import test, { type ExecutionContext } from "ava";
import { createRemoteJWKSet, errors, jwtVerify } from "jose";
import { KEYSET_ALGORITHMS, type KeysetAlgorithm } from "../../src/keys/model.ts";
import { HANGS_MS } from "../support/bounded.ts";
import { folderWithVariant } from "../support/profiles/profiles-folder.ts";
import { goPeer, type Peer, pythonPeer } from "../support/service/peers.ts";
import { issue, startService } from "../support/service/service.ts";

// Before the first test: AVA takes none that is declared later.
const [pyJwt, golangJwt] = await Promise.all([pythonPeer(), goPeer()]);

const ISSUER = "https://issuer.test";

/** A token, the same with another subject under the old signature, and where the JWKS is. */
async function target(t: ExecutionContext, alg: KeysetAlgorithm) {
  const keys = { "keyset: service\n  algorithm: EdDSA": `keyset: other\n  algorithm: ${alg}` };
  const folder = await folderWithVariant(t, "service", "other", keys);
  const service = await startService(t, { env: { SIGNET_ISSUER: ISSUER, SIGNET_PROFILES_FOLDER: folder } });
  const { token } = await issue(service, { profile: "other", claims: { scope: "a b" } });
  const [header, payload = "", signature] = token.split(".");
  const claims = JSON.parse(Buffer.from(payload, "base64url").toString());
  const changed = Buffer.from(JSON.stringify({ ...claims, sub: "mallory" })).toString("base64url");
  return { token, forged: `${header}.${changed}.${signature}`, jwksUrl: `${service.url}/.well-known/jwks.json` };
}

for (const alg of KEYSET_ALGORITHMS) {
  test(`${alg}: jose finds a token valid with the JWKS alone, and a forged one or one for others not`, async (t) => {
    const { token, forged, jwksUrl } = await target(t, alg);
    const keys = createRemoteJWKSet(new URL(jwksUrl), { timeoutDuration: HANGS_MS });
    const options = { issuer: ISSUER, audience: "api", typ: "at+jwt", algorithms: [alg] };
    const { payload } = await jwtVerify(token, keys, options);
    t.like(payload, { sub: "alice", scope: "a b", client_id: "loopback" });
    await t.throwsAsync(jwtVerify(forged, keys, options), { code: errors.JWSSignatureVerificationFailed.code });
    const other = jwtVerify(token, keys, { ...options, audience: "other" });
    await t.throwsAsync(other, { code: errors.JWTClaimValidationFailed.code, message: /aud/ });
  });

  for (const [name, peer, badSignature, badAudience] of [
    ["PyJWT", pyJwt, /InvalidSignatureError/, /InvalidAudienceError/],
    ["golang-jwt", golangJwt, /signature is invalid/, /invalid audience/],
  ] as const) {
    testWithPeer(`${alg}: ${name}`, peer, async (t, verify) => {
      const { token, forged, jwksUrl } = await target(t, alg);
      t.is(await verify(jwksUrl, ISSUER, "api", token), "alice");
      await t.throwsAsync(verify(jwksUrl, ISSUER, "api", forged), { message: badSignature });
      await t.throwsAsync(verify(jwksUrl, ISSUER, "other", token), { message: badAudience });
    });
  }
}

function testWithPeer(
  name: string,
  peer: Peer | undefined,
  implementation: (t: ExecutionContext, peer: Peer) => Promise<void>,
): void {
  const title = `${name} finds a token valid with the JWKS alone, and a forged one or one for others not`;
  if (peer !== undefined) test(title, (t) => implementation(t, peer));
  else test.skip(`${title} (skipped: it can't be had here)`, () => undefined);
}
