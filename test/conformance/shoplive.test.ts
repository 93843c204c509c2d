import test, { type ExecutionContext } from "ava";
import { SecretEncoding } from "../../src/gen/signet/v1/keys.ts";
import { readAuditStream } from "../support/nats/audit-stream.ts";
import { startNats, testWithNats } from "../support/nats/nats-server.ts";
import { badFields, type Dialect, dialect, verdictOf } from "../support/profiles/dialect.ts";
import { allForwarded, startRemote } from "../support/service/remote-service.ts";
import { type Service, startService } from "../support/service/service.ts";
import { shared } from "../support/service/shared.ts";
import { tlsFiles } from "../support/tls/tls-files.ts";
import { CALLER, certified, clientsWith, grpcTlsEnv } from "../support/tls/tls-service.ts";
import { claimsOf, foreignToken, textsOf } from "../support/tokens/foreign-token.ts";
import { SAMPLES, SHOPLIVE_SECRET } from "../support/tokens/vendor-samples.ts";

const KEY = Buffer.from(SHOPLIVE_SECRET, "base64");
const SAMPLE_IAT = 1_610_527_308;
const SAMPLE_REQUEST = { userId: "sample_user_id", name: "my_nickname", gender: "f", age: 15 };
/** Every field of the request, with values that would be recognised anywhere. */
const ALL_FIELDS = {
  userId: "planted-user-id",
  name: "planted-name",
  gender: "n",
  age: 30,
  custom: { note: "planted-custom", level: 9 },
  userScore: -34,
  userType: "planted-type",
  profile: "https://planted.example/face.png",
};

async function shoplive(
  service: Pick<Service, "tokens" | "keys">,
  encoding: SecretEncoding = SecretEncoding.SECRET_ENCODING_BASE64,
): Promise<Dialect> {
  const profile = dialect(service, "shoplive", { encoding });
  await profile.importSecret(SHOPLIVE_SECRET);
  return profile;
}

const unchanged = shared(test, async (t) => shoplive(await startRemote(t)));

const asOf = (seconds: number) => ({ at: new Date(seconds * 1000) });

test.serial("S1: the page's sample is valid in its time, and EXPIRED after it", async (t) => {
  const profile = await unchanged();
  const answer = await profile.verify(SAMPLES.shoplive, asOf(1_610_527_309));
  t.is(verdictOf(answer), "valid");
  t.is(answer.subject, "sample_user_id");
  t.deepEqual(answer.claims, { exp: 1_610_570_508, iat: SAMPLE_IAT, ...SAMPLE_REQUEST });
  t.is(verdictOf(await profile.verify(SAMPLES.shoplive, asOf(1_610_570_569))), "EXPIRED");
  t.is(verdictOf(await profile.verify(SAMPLES.shoplive)), "EXPIRED", "today");
});

test.serial(
  "S2: with the secret read as utf8 it is BAD_SIGNATURE, and the operator alone learns of the other reading",
  async (t) => {
    const profile = await shoplive(await startRemote(t), SecretEncoding.SECRET_ENCODING_UTF8);
    const answer = await profile.verify(SAMPLES.shoplive, asOf(1_610_527_309));
    t.is(verdictOf(answer), "BAD_SIGNATURE");
    t.regex(answer.diagnosis, /verifies if the secret is read as base64/);
    t.notRegex(answer.rejection?.message ?? "", /base64/);
  },
);

test.serial("S3: the sample's claims at the sample's time are the sample, byte for byte", async (t) => {
  const profile = await shoplive(await startService(t, { surroundings: { now: () => SAMPLE_IAT * 1000 } }));
  t.is((await profile.issue(SAMPLE_REQUEST)).token, SAMPLES.shoplive);
  // A protobuf map has no order.
  const reversed = Object.fromEntries(Object.entries(SAMPLE_REQUEST).toReversed());
  t.is((await profile.issue(reversed)).token, SAMPLES.shoplive);
});

test.serial(
  "S4: with all fields the order is the vendor's, integers stay integers, and the header has no typ",
  async (t) => {
    const profile = await unchanged();
    const issued = await profile.issue(ALL_FIELDS);
    const { header, claims } = textsOf(issued.token);
    t.is(header, '{"alg":"HS256"}');
    t.deepEqual(Object.keys(claimsOf(issued.token)), ["exp", "iat", ...Object.keys(ALL_FIELDS)]);
    t.regex(
      claims,
      /^\{"exp":\d{10},"iat":\d{10},.*"age":30,"custom":\{"level":9,"note":"planted-custom"\},"userScore":-34,/,
    );
    const answer = await profile.verify(issued.token);
    t.is(verdictOf(answer), "valid");
    t.deepEqual(answer.claims, claimsOf(issued.token));
  },
);

/** What becomes of a request with one field set, or without it where the value is undefined. */
async function outcome(profile: Dialect, field: string, value: unknown): Promise<string> {
  const request = { userId: "u", ...(value === undefined ? {} : { [field]: value }) };
  const issued = await profile.issue(request).catch(() => undefined);
  if (issued !== undefined)
    return verdictOf(await profile.verify(issued.token)) === "valid" ? "issued" : "born invalid";
  const fields = await badFields(profile.issue(request));
  return fields.join() === `claims.${field}` ? "refused" : fields.join();
}

async function outcomes(t: ExecutionContext, field: string, issued: readonly unknown[], refused: readonly unknown[]) {
  const profile = await unchanged();
  for (const value of issued) t.is(await outcome(profile, field, value), "issued", JSON.stringify(value));
  for (const value of refused) t.is(await outcome(profile, field, value), "refused", JSON.stringify(value));
}

test.serial("S5: a userId has at most 255 bytes, in every script", (t) =>
  outcomes(
    t,
    "userId",
    ["u".repeat(255), `${"é".repeat(127)}u`, "鍵".repeat(85)],
    ["u".repeat(256), "é".repeat(128), `${"鍵".repeat(85)}u`],
  ),
);

test.serial("S6: a userScore is an integer from -100 to 100", (t) =>
  outcomes(t, "userScore", [-100, 0, 100, undefined], [-101, 101, 1.5, "10"]),
);

test.serial("S7: a gender is empty, m, f, n, null or absent", (t) =>
  outcomes(t, "gender", ["", "m", "f", "n", null, undefined], ["male", "F", 1]),
);

test.serial("S8: an age is a non-negative integer", (t) => outcomes(t, "age", [0, 130, undefined], [-1, 1.5, "15"]));

test.serial("S9: custom data has at most 1024 bytes, of any JSON kind", (t) => {
  const inObject = (length: number) => ({ c: "c".repeat(length - '{"c":""}'.length) });
  return outcomes(
    t,
    "custom",
    [
      "c".repeat(1024),
      "é".repeat(512),
      "\t\r\n",
      { nested: { list: [1, "two", null] } },
      inObject(1024),
      Array.from({ length: 511 }, () => 1),
      7,
      true,
      null,
    ],
    ["c".repeat(1025), `${"é".repeat(512)}c`, inObject(1025), "\u0001", Array.from({ length: 512 }, () => 1)],
  );
});

test.serial("S9 (foreign): custom data of 2000 bytes is CLAIM_INVALID, of 1024 bytes valid", async (t) => {
  const profile = await unchanged();
  const iat = Math.floor(Date.now() / 1000);
  const verdictFor = async (custom: unknown) =>
    verdictOf(
      await profile.verify(foreignToken({ alg: "HS256" }, { exp: iat + 3_600, iat, userId: "u", custom }, KEY)),
    );
  for (const custom of ["c".repeat(2000), ["c".repeat(1021)], { c: "c".repeat(1017) }])
    t.is(await verdictFor(custom), "CLAIM_INVALID");
  for (const custom of ["c".repeat(1024), ["c".repeat(1020)], 7, null, false]) t.is(await verdictFor(custom), "valid");
});

test.serial("S4 (limits): fields that are each within their limits fit a token", async (t) => {
  const profile = await unchanged();
  // JSON writes each of these characters with two bytes: nothing within the limits becomes longer.
  const longest = {
    userId: '"'.repeat(255),
    name: '"'.repeat(255),
    gender: "n",
    age: Number.MAX_SAFE_INTEGER,
    custom: "\n".repeat(1024),
    userScore: -100,
    userType: '"'.repeat(64),
    profile: `https://${'"'.repeat(1016)}`,
  };
  const { token } = await profile.issue(longest);
  t.true(token.length > 7_000 && token.length <= 8_192, `${token.length} characters`);
  t.is(verdictOf(await profile.present({ body: [{ name: "userJWT", value: token }] })), "valid");
  // A gateway that takes the token from the address bar keeps the bound of addresses.
  t.is(verdictOf(await profile.present({ query: [{ name: "tk", value: token }] })), "TOO_LARGE");
});

test.serial(
  "S10: a request without userId is refused; a foreign token with expiration and no exp is EXP_MISSING",
  async (t) => {
    const profile = await unchanged();
    t.deepEqual(await badFields(profile.issue({ name: "n" })), ["claims.userId"]);
    t.deepEqual(await badFields(profile.issue({ userId: "" })), ["claims.userId"]);
    const iat = Math.floor(Date.now() / 1000);
    const foreign = { expiration: iat + 3_600, iat, userId: "u" };
    t.is(verdictOf(await profile.verify(foreignToken({ alg: "HS256" }, foreign, KEY))), "EXP_MISSING");
    const right = { exp: iat + 3_600, iat, userId: "u" };
    t.is(verdictOf(await profile.verify(foreignToken({ alg: "HS256" }, right, KEY))), "valid");
  },
);

test.serial(
  "S11: a foreign token with exp in milliseconds is LIFETIME_EXCEEDED, and the diagnosis says so",
  async (t) => {
    const profile = await unchanged();
    const now = Date.now();
    for (const iat of [{ iat: Math.floor(now / 1000) }, {}]) {
      const claims = { exp: now + 3_600_000, ...iat, userId: "u" };
      const answer = await profile.verify(foreignToken({ alg: "HS256" }, claims, KEY));
      t.is(verdictOf(answer), "LIFETIME_EXCEEDED");
      t.regex(answer.diagnosis, /exp looks like milliseconds/);
    }
  },
);

test.serial("S12: a campaign for VIP lets in userType VIP, and neither BASIC nor a token without a type", async (t) => {
  const profile = await unchanged();
  const vip = { context: { user_types: ["VIP"] } };
  const verdict = async (more: object, context: object) =>
    verdictOf(await profile.verify((await profile.issue({ userId: "u", ...more })).token, context));
  t.is(await verdict({ userType: "VIP" }, vip), "valid");
  t.is(await verdict({ userType: "BASIC" }, vip), "NOT_PERMITTED");
  t.is(await verdict({}, vip), "NOT_PERMITTED");
  t.is(await verdict({}, {}), "valid", "without a rule of the campaign");
  const score = { context: { min_user_score: 10 } };
  t.is(await verdict({ userScore: 10 }, score), "valid");
  t.is(await verdict({ userScore: 9 }, score), "NOT_PERMITTED");
  t.is(await verdict({}, score), "NOT_PERMITTED");
});

test.serial("S13: tk with JSON, encoded or not, is MALFORMED", async (t) => {
  const profile = await unchanged();
  const json = JSON.stringify({ userId: "u", userType: "VIP" });
  const tk = (value: string) => ({ query: [{ name: "tk", value }] });
  for (const value of [json, encodeURIComponent(json), Buffer.from(json).toString("base64url")])
    t.is(verdictOf(await profile.present(tk(value))), "MALFORMED", value);
  const { token } = await profile.issue({ userId: "u" });
  t.is(verdictOf(await profile.present(tk(token))), "valid");
  t.is(verdictOf(await profile.present({ body: [{ name: "userJWT", value: token }] })), "valid");
});

testWithNats(
  "S14: the event of a token holds its id, profile, key and proven caller, and nothing personal",
  async (t) => {
    const nats = await startNats(t);
    const files = await tlsFiles(t);
    const env = { SIGNET_NATS_URL: nats.url, ...(await grpcTlsEnv(t, files, ["shoplive"])) };
    const service = await startRemote(t, { env });
    const profile = await shoplive(clientsWith(t, service.process.grpc, await certified(files)));
    const issued = await profile.issue(ALL_FIELDS);
    t.regex(issued.tokenId, /^h\.[A-Za-z0-9_-]{43}$/);
    await allForwarded(service);
    const messages = await readAuditStream(nats.url);
    const events = messages.flatMap(({ event: { event } }) => (event?.$case === "tokenIssued" ? [event.value] : []));
    t.is(events.length, 1);
    const proven = { caller: CALLER, callerProof: "mtls", callerAddress: "127.0.0.1" };
    t.like(events[0], { tokenId: issued.tokenId, profile: "shoplive", keyId: issued.keyId, ...proven });
    const published = messages.map(({ body, headers }) => `${Buffer.from(body)}${headers}`).join("\n");
    t.true(published.includes(issued.tokenId), "the events were read");
    t.notRegex(published, /planted|"age"|"gender"|"custom"|userScore/);
    t.false(published.includes(issued.token.split(".")[2] ?? ""), "no signature");
  },
);
