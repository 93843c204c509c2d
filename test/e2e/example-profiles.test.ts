import { fileURLToPath } from "node:url";
import test, { type ExecutionContext } from "ava";
import jsonwebtoken from "jsonwebtoken";
import { AccessToken, TokenVerifier } from "livekit-server-sdk";
import { SecretEncoding } from "../../src/gen/signet/v1/keys.ts";
import { openPolicy } from "../support/access/policies.ts";
import { dialect, verdictOf } from "../support/profiles/dialect.ts";
import { startCentrifugo, testWithCentrifugo } from "../support/service/centrifugo.ts";
import { startService } from "../support/service/service.ts";
import { claimsOf, testKey, textsOf } from "../support/tokens/foreign-token.ts";

const EXAMPLES = fileURLToPath(new URL("../../examples/profiles", import.meta.url));
const SECRET = testKey("examples").toString("hex");
const HS256 = { algorithms: ["HS256"] } as const;
const encoding = SecretEncoding.SECRET_ENCODING_UTF8;

/** One of the profiles makes callers, which the policy for development does not allow. */
async function startExamples(t: ExecutionContext) {
  const policy = await openPolicy(t, ["loopback"], ["livekit", "centrifugo", "ably"]);
  return startService(t, { env: { SIGNET_PROFILES_FOLDER: EXAMPLES, SIGNET_ACCESS_POLICY: policy } });
}

test("the example profiles issue what the vendors' libraries take, and take what those sign", async (t) => {
  const service = await startExamples(t);

  // LiveKit: its server SDK.
  const livekit = dialect(service, "livekit", { tenant: "APIexample", encoding });
  await livekit.importSecret(SECRET);
  const video = { room: "lobby", roomJoin: true, canPublish: true };
  const { token } = await livekit.issue({ identity: "ada", video });
  t.regex(textsOf(token).claims, /^\{"video":\{"roomJoin":true,"room":"lobby","canPublish":true\},"iss":"APIexample",/);
  t.like(await new TokenVerifier("APIexample", SECRET).verify(token), { sub: "ada", video });
  await t.throwsAsync(new TokenVerifier("APIother", SECRET).verify(token), { message: /iss/ });
  const theirs = new AccessToken("APIexample", SECRET, { identity: "bob", ttl: 600 });
  theirs.addGrant(video);
  const signed = await theirs.toJwt();
  const at = (room: string) => ({ context: { room } });
  t.is(verdictOf(await livekit.verify(signed, at("lobby"))), "valid");
  t.is(verdictOf(await livekit.verify(signed, at("vault"))), "NOT_PERMITTED");
  const foreign = new AccessToken("APIother", SECRET, { identity: "bob" });
  foreign.addGrant(video);
  t.is(verdictOf(await livekit.verify(await foreign.toJwt(), at("lobby"))), "ISSUER_MISMATCH");

  // Centrifugo: any library that signs HS256.
  const centrifugo = dialect(service, "centrifugo", { encoding });
  await centrifugo.importSecret(SECRET);
  for (const subject of ["42", ""]) {
    const issued = await centrifugo.issue({ info: { name: "Ada" } }, { subject });
    t.like(jsonwebtoken.verify(issued.token, SECRET, HS256), { sub: subject, info: { name: "Ada" } });
    const { iat, exp } = claimsOf(issued.token);
    const same = jsonwebtoken.sign({ sub: subject, info: { name: "Ada" }, iat, exp }, SECRET);
    t.is(issued.token, same, "byte for byte");
    const answer = await centrifugo.verify(same);
    t.deepEqual([verdictOf(answer), answer.subject], ["valid", subject]);
  }

  // Ably: the claims of the page's example, under a kid of the form appId.keyId.
  const ably = dialect(service, "ably", { encoding });
  const keyid = "xVLyHw.testKey";
  await ably.importSecret(SECRET, { keyId: keyid });
  const issued = await ably.issue({ capability: { "*": ["*"] }, clientId: "ada" });
  const { iat, exp } = claimsOf(issued.token);
  const claims = { "x-ably-capability": '{"*":["*"]}', "x-ably-clientId": "ada", iat, exp };
  t.is(issued.token, jsonwebtoken.sign(claims, SECRET, { keyid }), "byte for byte");
  t.is(verdictOf(await ably.verify(issued.token)), "valid");
  const { "x-ably-capability": _none, ...without } = claims;
  t.is(verdictOf(await ably.verify(jsonwebtoken.sign(without, SECRET, { keyid }))), "CLAIM_MISSING");
});

testWithCentrifugo("Centrifugo's own server takes the tokens of the example profile, and no others", async (t) => {
  const service = await startExamples(t);
  const centrifugo = dialect(service, "centrifugo", { encoding });
  await centrifugo.importSecret(SECRET);
  const connect = await startCentrifugo(t, SECRET);
  for (const subject of ["42", ""]) {
    const { token } = await centrifugo.issue({ info: { name: "Ada" }, channels: ["news"] }, { subject });
    t.deepEqual(await connect(token), { channels: ["news"] });
  }
  const exp = Math.trunc(Date.now() / 1000) + 60;
  const foreign = jsonwebtoken.sign({ sub: "42", channels: ["news"], exp }, "another secret");
  t.deepEqual(await connect(foreign), { closed: 3500 }, "invalid token");
});
