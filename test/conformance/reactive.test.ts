import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { AuditEvent } from "../../src/gen/signet/v1/audit.ts";
import { SecretEncoding } from "../../src/gen/signet/v1/keys.ts";
import { BatchVerifyTokensRequest, type Carrier, type VerifyTokenResponse } from "../../src/gen/signet/v1/token.ts";
import { trailOf } from "../support/nats/audit-trail.ts";
import { serialTestWithNats, startNats } from "../support/nats/nats-server.ts";
import { badFields, type Dialect, dialect, verdictOf, warningsOf } from "../support/profiles/dialect.ts";
import { getProfile } from "../support/profiles/profile-client.ts";
import { folderWithVariant } from "../support/profiles/profiles-folder.ts";
import { startRemote } from "../support/service/remote-service.ts";
import { revokeTokens } from "../support/service/revoke-tokens.ts";
import { failureOf } from "../support/service/rich-error.ts";
import { promised, type Service, startService } from "../support/service/service.ts";
import { shared } from "../support/service/shared.ts";
import { claimsOf, foreignToken, testKey, textsOf } from "../support/tokens/foreign-token.ts";
import { SAMPLES } from "../support/tokens/vendor-samples.ts";
import { waitUntil } from "../support/wait-until.ts";

const KEY = testKey("reactive");
const STREAM = "6935357a-8d71-45f2-9a0f-ddaed705b43a";
const USER = "AB35457a-8d71-45f2-BE2F-ddaed705b43a";
const REQUEST = { stream_id: STREAM, unique_user_identifier: USER };
const SAMPLE = claimsOf(SAMPLES.reactive);
const SAMPLE_IAT = Number(SAMPLE.iat);
const UUID4 = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
/** Where the client that is verified comes from. */
const CLIENT = { context: { ip: "104.162.97.28" } };

async function reactive(service: Service, name = "reactive"): Promise<Dialect> {
  const profile = dialect(service, name, {
    encoding: SecretEncoding.SECRET_ENCODING_BASE64,
    issue: { clientIp: "104.162.97.28" },
    verify: { audience: STREAM, ...CLIENT },
  });
  await profile.importSecret(KEY.toString("base64"));
  return profile;
}

const service = shared(test, async (t) => {
  const folder = await folderWithVariant(t, "reactive", "reactive-strict", { "mode: warn": "mode: enforce" });
  return startRemote(t, { env: { SIGNET_PROFILES_FOLDER: folder } });
});
const unchanged = shared(test, async () => reactive(await service()));

/** In seconds. */
async function leewayOf(service: Service): Promise<number> {
  return Number((await getProfile(service, "reactive")).lifetime?.leeway?.seconds);
}

function unsigned(token: string): string {
  return token.slice(0, token.lastIndexOf("."));
}

function isShownAs401(t: ExecutionContext, { rejection }: VerifyTokenResponse): void {
  t.is(rejection?.httpStatus, 401);
  t.regex(rejection?.wwwAuthenticate ?? "", /^Bearer\b/);
}

test.serial("R1: a token has the seven claims in their order and types, a string aud and a fresh UUIDv4", async (t) => {
  const profile = await unchanged();
  const ids = new Set<unknown>();
  for (let count = 0; count < 10; count += 1) {
    const issued = await profile.issue(REQUEST);
    const claims = claimsOf(issued.token);
    t.deepEqual(Object.keys(claims), ["ip", "aud", "sub", "iss", "iat", "exp", "jti"]);
    t.like(claims, { ip: "104.162.97.28", aud: STREAM, sub: USER, iss: "Reactive" });
    t.true(Number.isInteger(claims.iat) && claims.exp === Number(claims.iat) + 1800);
    t.regex(String(claims.jti), UUID4);
    t.is(claims.jti, issued.tokenId);
    ids.add(claims.jti);
  }
  t.is(ids.size, 10);
  t.deepEqual(await badFields(profile.issue(REQUEST, { clientIp: "" })), ["client_ip"]);
  t.deepEqual(await badFields(profile.issue(REQUEST, { clientIp: "here" })), ["client_ip"]);
});

test.serial("R2: for its stream the token is valid, with the subject byte for byte", async (t) => {
  const profile = await unchanged();
  for (const user of [USER, "Ünïcode-鍵", " spaces ", "MiXeD"]) {
    const { token } = await profile.issue({ ...REQUEST, unique_user_identifier: user });
    const answer = await profile.verify(token);
    t.is(verdictOf(answer), "valid");
    t.is(answer.subject, user);
    t.is(answer.claims?.sub, user);
  }
});

test.serial("R3: for another stream it is AUDIENCE_MISMATCH, shown as 401", async (t) => {
  const profile = await unchanged();
  const { token } = await profile.issue(REQUEST);
  for (const audience of [STREAM.toUpperCase(), STREAM.slice(0, -1), "another"]) {
    const answer = await profile.verify(token, { audience });
    t.is(verdictOf(answer), "AUDIENCE_MISMATCH");
    isShownAs401(t, answer);
  }
  t.deepEqual(await badFields(profile.verify(token, { audience: "" })), ["audience"]);
});

test.serial(
  "R4: the scheme is Bearer in any case; without it, or with two headers, a 401 with WWW-Authenticate",
  async (t) => {
    const profile = await unchanged();
    const { token } = await profile.issue(REQUEST);
    const authorization = (...values: string[]): Partial<Carrier> => ({
      headers: values.map((value) => ({ name: "Authorization", value })),
    });
    for (const scheme of ["Bearer", "bearer", "BEARER"])
      t.is(verdictOf(await profile.present(authorization(`${scheme} ${token}`))), "valid", scheme);
    for (const [what, carrier, verdict] of [
      ["another scheme", authorization(`Token ${token}`), "CARRIER_MISSING"],
      ["no header", {}, "CARRIER_MISSING"],
      ["no scheme", authorization(token), "CARRIER_MISSING"],
      ["the scheme alone", authorization("Bearer "), "CARRIER_MISSING"],
      ["two headers", authorization(`Bearer ${token}`, "Bearer another"), "CARRIER_CONFLICT"],
      ["two equal headers", authorization(`Bearer ${token}`, `Bearer ${token}`), "CARRIER_CONFLICT"],
    ] as const) {
      const answer = await profile.present(carrier);
      t.is(verdictOf(answer), verdict, what);
      isShownAs401(t, answer);
    }
  },
);

test.serial("R5: a token is valid a second before its end, and EXPIRED a second after the leeway", async (t) => {
  const start = 1_800_000_000_000;
  let clock = start;
  const service = await startService(t, { surroundings: { now: () => clock } });
  const profile = await reactive(service);
  const leeway = await leewayOf(service);
  for (const lifetime of [600, 1800]) {
    clock = start;
    const ttl = lifetime === 1800 ? undefined : { seconds: BigInt(lifetime), nanos: 0 };
    const { token, expiresAt } = await profile.issue(REQUEST, { ttl });
    t.is(expiresAt?.getTime(), start + lifetime * 1000);
    clock = start + (lifetime - 1) * 1000;
    t.is(verdictOf(await profile.verify(token)), "valid");
    clock = start + (lifetime + leeway + 1) * 1000;
    const answer = await profile.verify(token);
    t.is(verdictOf(answer), "EXPIRED");
    isShownAs401(t, answer);
  }
});

test.serial("R5 (sample): what is issued at the sample's time is the sample, but for its signature", async (t) => {
  const surroundings = { now: () => SAMPLE_IAT * 1000, newTokenId: () => String(SAMPLE.jti) };
  const profile = await reactive(await startService(t, { surroundings }));
  const { token } = await profile.issue(REQUEST, { ttl: { seconds: 600n, nanos: 0 } });
  t.is(unsigned(token), unsigned(SAMPLES.reactive));
});

test.serial("R6: fields that are missing, empty, too long or hold NUL are each named, all in one answer", async (t) => {
  const profile = await unchanged();
  const both = ["claims.stream_id", "claims.unique_user_identifier"];
  for (const [what, request] of [
    ["missing", {}],
    ["empty", { stream_id: "", unique_user_identifier: "" }],
    ["10 kB", { stream_id: "s".repeat(5_000), unique_user_identifier: "u".repeat(300) }],
    ["with NUL", { stream_id: "a\0b", unique_user_identifier: "\0" }],
    ["numbers", { stream_id: 1, unique_user_identifier: 2 }],
  ] as const)
    t.deepEqual(await badFields(profile.issue(request)), both, what);
  for (const field of Object.keys(REQUEST))
    t.deepEqual(await badFields(profile.issue({ ...REQUEST, [field]: "x".repeat(10_000) })), [`claims.${field}`]);
  t.deepEqual(await badFields(profile.issue({ ...REQUEST, admin: true })), ["claims.admin"]);
});

test.serial(
  "R7: with the address enforced another one is IP_MISMATCH, the IPv4-mapped form of the same is valid",
  async (t) => {
    const strict = await reactive(await service(), "reactive-strict");
    const { token } = await strict.issue(REQUEST);
    const from = (ip: string) => strict.verify(token, { context: { ip } });
    t.is(verdictOf(await from("104.162.97.28")), "valid");
    t.is(verdictOf(await from("::ffff:104.162.97.28")), "valid");
    t.is(verdictOf(await from("::ffff:68a2:611c")), "valid");
    const answer = await from("104.162.97.29");
    t.is(verdictOf(answer), "IP_MISMATCH");
    isShownAs401(t, answer);
    t.is(verdictOf(await from("2001:db8::1")), "IP_MISMATCH");
  },
);

test.serial("R7: as shipped another address is a warning", async (t) => {
  const profile = await unchanged();
  const { token } = await profile.issue(REQUEST, { clientIp: "::ffff:104.162.97.28" });
  t.is(claimsOf(token).ip, "104.162.97.28");
  const [same, other] = await Promise.all(
    ["104.162.97.28", "104.162.97.29"].map((ip) => profile.verify(token, { context: { ip } })),
  );
  t.deepEqual(same && [verdictOf(same), warningsOf(same)], ["valid", []]);
  t.deepEqual(other && [verdictOf(other), warningsOf(other)], ["valid", ["IP_MISMATCH"]]);
});

serialTestWithNats(
  "R8: of 51 and more issues in t seconds from one ip, between 50 and 51 + 20 t are accepted, the others are counted",
  async (t) => {
    const nats = await startNats(t);
    const service = await startRemote(t, { env: { SIGNET_NATS_URL: nats.url } });
    const profile = await reactive(service);
    const start = performance.now();
    const calls = Array.from({ length: 150 }, async (_, at) => {
      const call = profile.issue({ ...REQUEST, unique_user_identifier: `viewer ${at}` });
      return call.then(() => undefined).catch(() => failureOf(call));
    });
    const refused = (await Promise.all(calls)).filter((failure) => failure !== undefined);
    const seconds = (performance.now() - start) / 1_000;
    const accepted = calls.length - refused.length;
    t.true(accepted >= 50 && accepted <= 51 + 20 * seconds, `${accepted} in ${seconds} s`);
    t.true(refused.length > 0, "control: the machine was fast enough for a limit");
    for (const { code, reason, retryAfterMs = 0 } of refused) {
      t.is(`${code} ${reason}`, "RESOURCE_EXHAUSTED RATE_LIMITED");
      t.true(retryAfterMs >= 1 && retryAfterMs <= 50, `${retryAfterMs} ms`);
    }
    await t.notThrowsAsync(profile.issue(REQUEST, { clientIp: "2001:db8::1" }), "another client has its own rate");
    await service.process.stop();
    const denied = (await trailOf(nats)).flatMap(({ body }) => {
      const { event } = AuditEvent.fromJSON(JSON.parse(Buffer.from(body).toString()));
      return event?.$case === "tokenDenied" && event.value.reason === "RATE_LIMITED" ? [event.value] : [];
    });
    t.is(
      denied.reduce((sum, { count }) => sum + Number(count), 0),
      refused.length,
    );
    t.true(denied.length < refused.length, "the first at once, the others as a count");
  },
);

test.serial("R9: each verification of a batch is answered on its own, in order", async (t) => {
  const profile = await unchanged();
  const { token } = await profile.issue(REQUEST);
  const forged = foreignToken({ alg: "HS256", typ: "JWT" }, claimsOf(token), testKey("another"));
  const items = [token, forged, "garbage", token].map((value) => ({
    credential: { $case: "token", value } as const,
    profile: "reactive",
    audience: STREAM,
    ...CLIENT,
  }));
  const bad = [
    { ...items[0], audience: "" },
    { ...items[0], profile: "nowhere" },
  ];
  const request = BatchVerifyTokensRequest.fromPartial({ items: [...items, ...bad] });
  const { tokens } = await service();
  const { results } = await promised(tokens.batchVerifyTokens.bind(tokens), request);
  t.deepEqual(
    results.map(({ result }) => (result?.$case === "response" ? verdictOf(result.value) : result?.value.code)),
    ["valid", "BAD_SIGNATURE", "MALFORMED", "valid", 3, 5],
  );
});

serialTestWithNats(
  "R9: one revoked in the middle of a batch is REVOKED, within a second on another replica",
  async (t) => {
    const nats = await startNats(t);
    const env = {
      SIGNET_NATS_URL: nats.url,
      SIGNET_STATE_STORE: "nats",
      SIGNET_STATE_FIRST_START: "true",
    };
    const here = await startRemote(t, { env });
    const there = await startRemote(t, { env: { ...env, SIGNET_KEK_FILE: join(here.data, "kek") } });
    const profile = await reactive(here);
    const issued = [await profile.issue(REQUEST), await profile.issue(REQUEST), await profile.issue(REQUEST)];
    const items = issued.map(({ token }) => ({
      credential: { $case: "token", value: token } as const,
      profile: "reactive",
      audience: STREAM,
      ...CLIENT,
    }));
    const verdicts = async ({ tokens }: Service) => {
      const request = BatchVerifyTokensRequest.fromPartial({ items });
      const { results } = await promised(tokens.batchVerifyTokens.bind(tokens), request);
      return results.map(({ result }) => (result?.$case === "response" ? verdictOf(result.value) : "an error"));
    };
    const allValid = async () => (await verdicts(there)).every((verdict) => verdict === "valid");
    await waitUntil("the other replica has the secret, and all in its cache", allValid);
    await revokeTokens(here, { profile: "reactive", tokenIds: [issued[1]?.tokenId ?? ""] });
    const expected = ["valid", "REVOKED", "valid"];
    t.deepEqual(await verdicts(here), expected);
    await waitUntil("the other replica knows", async () => !(await allValid()));
    t.deepEqual(await verdicts(there), expected);
  },
);

test.serial("R10: the sample's header and claims, signed anew, are valid from its iat until its exp", async (t) => {
  const profile = await unchanged();
  const { header, claims } = textsOf(SAMPLES.reactive);
  const resigned = foreignToken(header, claims, KEY);
  t.is(unsigned(resigned), unsigned(SAMPLES.reactive));
  const asOf = async (seconds: number) =>
    verdictOf(await profile.verify(resigned, { at: new Date((SAMPLE_IAT + seconds) * 1000) }));
  t.is(await asOf(0), "valid");
  t.is(await asOf(599), "valid");
  t.is(await asOf(600 + (await leewayOf(await service()))), "EXPIRED");
  t.is(verdictOf(await profile.verify(resigned)), "EXPIRED");
});
