import test from "ava";
import { SecretEncoding } from "../../src/gen/signet/v1/keys.ts";
import type { Carrier, VerifyTokenResponse } from "../../src/gen/signet/v1/token.ts";
import { startGateway } from "../support/gateway.ts";
import { badFields, type Dialect, dialect, verdictOf, warningsOf } from "../support/profiles/dialect.ts";
import { getProfile } from "../support/profiles/profile-client.ts";
import { startRemote } from "../support/service/remote-service.ts";
import { failureOf } from "../support/service/rich-error.ts";
import { type Service, startService } from "../support/service/service.ts";
import { type Ending, shared } from "../support/service/shared.ts";
import { claimsOf, foreignToken, testKey, textsOf } from "../support/tokens/foreign-token.ts";
import { SAMPLES } from "../support/tokens/vendor-samples.ts";
import { waitUntil } from "../support/wait-until.ts";
import { connectTo } from "./socket.ts";

const KEY = testKey("hivekit");
const SAMPLE = claimsOf(SAMPLES.hivekit);
const TENANT = String(SAMPLE.tnd);
const KID = "kDc_Ie41aKTYi4rj7VMB5";
const PER = { london: { "deliveryRiders/*": "R", "deliveryRiders/johndoe-123": "CU" } };
const SUCCESS = '[{"typ":"sys","act":"aut","res":"suc"}]';
const { SECRET_ENCODING_BASE64, SECRET_ENCODING_UTF8 } = SecretEncoding;

const hivekit = (service: Service, tenant = TENANT): Dialect =>
  dialect(service, "hivekit", { tenant, encoding: SECRET_ENCODING_BASE64 });

/** The profile with one secret of the tenant, named as in the sample. */
async function withSecret(service: Service, tenant?: string): Promise<Dialect> {
  const profile = hivekit(service, tenant);
  await profile.importSecret(KEY.toString("base64"), { keyId: KID });
  return profile;
}

const service = shared(test, (t) => startRemote(t));
const unchanged = shared(test, async () => withSecret(await service()));

/** A question for a right. */
const right = (operation: string, id: string, realm = "london") => ({ context: { realm, id, operation } });

test.serial(
  "H1: the header names the kid, iss is fixed, claims come back as they were asked, exp is right past 2^31",
  async (t) => {
    // Within 24 hours the count of seconds passes 2^31.
    const now = () => (2 ** 31 - 3_600) * 1000;
    const surroundings = { now, newTokenId: () => String(SAMPLE.jti) };
    const profile = await withSecret(await startService(t, { surroundings }));
    const dpv = { london: ["deliveryRiders/johndoe-123", "cars/*"], "*": ["sensors/*"] };
    const issued = await profile.issue({ sub: "service", per: PER, dpv }, { ttl: { seconds: 86_400n, nanos: 0 } });
    t.is(textsOf(issued.token).header, textsOf(SAMPLES.hivekit).header);
    const claims = claimsOf(issued.token);
    t.deepEqual(Object.keys(claims), [...Object.keys(SAMPLE), "per", "dpv"]);
    t.deepEqual(claims, {
      sub: "service",
      tnd: TENANT,
      iat: 2 ** 31 - 3_600,
      exp: 2 ** 31 + 82_800,
      iss: "platform.hivekit.io",
      jti: SAMPLE.jti,
      per: PER,
      dpv,
    });
    t.is(issued.expiresAt?.getTime(), (2 ** 31 + 82_800) * 1000);
    const verified = await profile.verify(issued.token);
    t.is(verdictOf(verified), "valid");
    t.deepEqual(verified.claims, claims);
    t.deepEqual(issued.claims, claims);
  },
);

test.serial("H2: a pattern with R allows to read and nothing else", async (t) => {
  const profile = await unchanged();
  const { token } = await profile.issue({ sub: "rider", per: PER });
  t.is(verdictOf(await profile.verify(token, right("R", "deliveryRiders/x"))), "valid");
  for (const operation of ["C", "U", "D", "P", "S"])
    t.is(verdictOf(await profile.verify(token, right(operation, "deliveryRiders/x"))), "NOT_PERMITTED", operation);
  t.is(verdictOf(await profile.verify(token, right("R", "deliveryRiders/x", "paris"))), "NOT_PERMITTED");
  t.is(verdictOf(await profile.verify(token, right("X", "deliveryRiders/x"))), "CONTEXT_INVALID");
});

test.serial("H3: several patterns that match give the union of their letters", async (t) => {
  const profile = await unchanged();
  const { token } = await profile.issue({ sub: "rider", per: PER });
  for (const [operation, verdict] of [
    ["C", "valid"],
    ["U", "valid"],
    ["R", "valid"],
    ["D", "NOT_PERMITTED"],
  ] as const)
    t.is(verdictOf(await profile.verify(token, right(operation, "deliveryRiders/johndoe-123"))), verdict, operation);
});

test.serial("H4: * stands for one segment, at the end for one or more, and as a realm for every realm", async (t) => {
  const profile = await unchanged();
  for (const [realm, pattern, id, verdict] of [
    ["london", "cars/*/mycar", "cars/audi/mycar", "valid"],
    ["london", "cars/*/mycar", "cars/a/b/mycar", "NOT_PERMITTED"],
    ["london", "cars/*", "cars/a/b", "valid"],
    ["london", "cars/*", "cars", "NOT_PERMITTED"],
    ["london", "cars/*", "cars/", "NOT_PERMITTED"],
    ["london", "cars/a", "cars/a/b", "NOT_PERMITTED"],
    ["london", "cars/a*", "cars/ab", "NOT_PERMITTED"],
    ["*", "cars/*", "cars/a", "valid"],
    ["paris", "cars/*", "cars/a", "NOT_PERMITTED"],
  ] as const) {
    const { token } = await profile.issue({ per: { [realm]: { [pattern]: "R" } } });
    t.is(verdictOf(await profile.verify(token, right("R", id))), verdict, `${realm} ${pattern} ${id}`);
  }
  const { token } = await profile.issue({ per: { sys: { "logs/*": "R" } } });
  t.is(verdictOf(await profile.verify(token, right("R", "logs/today", "sys"))), "valid");
});

test.serial(
  "H5: without per a request is refused, with allow_all it is issued with a warning, and the wish is not signed",
  async (t) => {
    const profile = await unchanged();
    t.deepEqual(await badFields(profile.issue({ sub: "service" })), ["claims"]);
    t.deepEqual(await badFields(profile.issue({ sub: "service", per: PER, allow_all: true })), ["claims"]);
    const issued = await profile.issue({ sub: "service", allow_all: true });
    t.deepEqual(warningsOf(issued), ["ALLOW_ALL"]);
    t.deepEqual(Object.keys(claimsOf(issued.token)), ["sub", "tnd", "iat", "exp", "iss", "jti"]);
    t.is(verdictOf(await profile.verify(issued.token, right("D", "any/thing", "anywhere"))), "valid");
    t.deepEqual(warningsOf(await profile.issue({ sub: "service", per: PER })), []);
  },
);

test.serial("H6: letters that are unknown, doubled or lower case are refused; no letter is no right", async (t) => {
  const profile = await unchanged();
  for (const letters of ["RX", "rr", "RR", "r", "CRUDPSC", " R", 7])
    t.deepEqual(
      await badFields(profile.issue({ per: { london: { cars: letters } } })),
      ["claims.per.london.cars"],
      `${letters}`,
    );
  const { token } = await profile.issue({ per: { london: { cars: "", bikes: "CRUDPS" } } });
  for (const operation of ["C", "R", "U", "D", "P", "S"]) {
    t.is(verdictOf(await profile.verify(token, right(operation, "cars"))), "NOT_PERMITTED");
    t.is(verdictOf(await profile.verify(token, right(operation, "bikes"))), "valid");
  }
});

test.serial(
  "H7: a tenant's token shown as another's is UNKNOWN_KEY, with one kid in both BAD_SIGNATURE, with the other's secret TENANT_MISMATCH",
  async (t) => {
    const [a, b] = [hivekit(await service(), "tenant-a"), hivekit(await service(), "tenant-b")];
    await a.importSecret(testKey("a").toString("base64"), { keyId: "only-a" });
    await b.importSecret(testKey("b").toString("base64"), { keyId: "only-b" });
    const claims = { sub: "rider", per: PER };
    const ofA = (await a.issue(claims)).token;
    t.is(verdictOf(await a.verify(ofA)), "valid");
    t.is(verdictOf(await b.verify(ofA)), "UNKNOWN_KEY");
    await a.importSecret(testKey("a2").toString("base64"), { keyId: "both" });
    await b.importSecret(testKey("b2").toString("base64"), { keyId: "both" });
    const named = (await a.issue(claims)).token;
    t.is(verdictOf(await a.verify(named)), "valid");
    t.is(verdictOf(await b.verify(named)), "BAD_SIGNATURE");
    const header = { alg: "HS256", typ: "JWT", kid: "only-b" };
    t.is(verdictOf(await b.verify(foreignToken(header, claimsOf(ofA), testKey("b")))), "TENANT_MISMATCH");
    t.is(
      verdictOf(await hivekit(await service(), "tenant-c").verify(ofA)),
      "UNKNOWN_KEY",
      "a tenant that nothing is known of",
    );
  },
);

test.serial(
  "H8: an unknown kid is UNKNOWN_KEY, none HEADER_INVALID, another iss or none ISSUER_MISMATCH",
  async (t) => {
    const profile = await unchanged();
    const { token } = await profile.issue({ sub: "rider", per: PER });
    const [header, claims] = [JSON.parse(textsOf(token).header), claimsOf(token)];
    const { kid: _, ...withoutKid } = header;
    const { iss: __, ...withoutIss } = claims;
    for (const [what, forged, verdict] of [
      ["the same", foreignToken(header, claims, KEY), "valid"],
      ["unknown kid", foreignToken({ ...header, kid: "another" }, claims, KEY), "UNKNOWN_KEY"],
      ["no kid", foreignToken(withoutKid, claims, KEY), "HEADER_INVALID"],
      ["another iss", foreignToken(header, { ...claims, iss: "platform.hivekit.io." }, KEY), "ISSUER_MISMATCH"],
      ["no iss", foreignToken(header, withoutIss, KEY), "ISSUER_MISMATCH"],
    ] as const) {
      const answer = await profile.verify(forged);
      t.is(verdictOf(answer), verdict, what);
      t.is(answer.rejection?.httpStatus, verdict === "valid" ? undefined : 401);
    }
  },
);

const frame = (text: string): Partial<Carrier> => ({ frame: Buffer.from(text) });

test.serial(
  "H9: a frame of JSON is dropped without an answer, Bearer with a good token is answered with the success frame",
  async (t) => {
    const profile = await unchanged();
    const { token } = await profile.issue({ sub: "rider", per: PER });
    for (const text of ['{"typ":"sys"}', `"Bearer ${token}"`, token, `bearer ${token}`, "", "Bearer "]) {
      const answer = await profile.present(frame(text));
      t.is(verdictOf(answer), "CARRIER_MISSING", text);
      t.is(answer.rejection?.frame, "");
      t.is(answer.frame, "");
    }
    const answer = await profile.present(frame(`Bearer ${token}`));
    t.is(verdictOf(answer), "valid");
    t.is(answer.frame, SUCCESS);
  },
);

test.serial(
  "H10: Bearer with a bad token is answered with the error frame; the quarantine's bounds are in GetProfile",
  async (t) => {
    const profile = await unchanged();
    const answer = await profile.present(frame("Bearer bad"));
    t.is(verdictOf(answer), "MALFORMED");
    t.is(answer.frame, "");
    t.is(
      answer.rejection?.frame,
      `{"typ":"sys","act":"aut","res":"err","err":${JSON.stringify(answer.rejection?.message)}}`,
    );
    t.true((answer.rejection?.message ?? "").length > 0);
    const { quarantine } = await getProfile(await service(), "hivekit");
    t.deepEqual(quarantine, { deadline: { seconds: 10n, nanos: 0 }, maxFailures: 5 });
  },
);

const gateway = shared(test, async (t) => {
  await unchanged();
  const { grpc } = (await service()).process;
  return startGateway(t, { signet: grpc, env: { HIVEKIT_TENANT: TENANT } });
});
const connect = async (t: Ending) => connectTo(t, (await gateway()).url, "/hivekit/v1/ws");

test.serial(
  "H9 (socket): in quarantine other frames get no answer, and a good token gets the success frame",
  async (t) => {
    const { token } = await (await unchanged()).issue({ sub: "rider", per: PER });
    const socket = await connect(t);
    for (const text of ['{"typ":"sys"}', `"Bearer ${token}"`, token, `bearer ${token}`, ""]) socket.send(text);
    socket.send(`Bearer ${token}`);
    await socket.untilMessages(1);
    t.deepEqual(socket.messages, [SUCCESS], "the answers come in the order of the frames");
    socket.send(JSON.stringify({ realm: "london", id: "deliveryRiders/x", operation: "R" }));
    await socket.untilMessages(2);
    t.like(JSON.parse(socket.messages[1] ?? ""), { res: "suc" }, "it is out of quarantine");
  },
);

test.serial(
  "H10 (socket): a bad token gets the error frame; after 5 of them, or after 10 s, the socket is closed",
  async (t) => {
    const { token } = await (await unchanged()).issue({ sub: "rider", per: PER });
    // Each connection has ten seconds of its own.
    const failing = await connect(t);
    for (let failures = 1; failures <= 5; failures += 1) {
      failing.send("Bearer bad");
      await failing.untilMessages(failures);
      t.like(JSON.parse(failing.messages.at(-1) ?? ""), { typ: "sys", act: "aut", res: "err" });
      t.is(failing.messages.length, failures);
    }
    t.is((await failing.untilClosed()).code, 1008);
    const good = await connect(t);
    for (let failures = 1; failures <= 4; failures += 1) {
      good.send("Bearer bad");
      await good.untilMessages(failures);
    }
    good.send(`Bearer ${token}`);
    await good.untilMessages(5);
    t.is(good.messages[4], SUCCESS, "a client may try again");
    const start = performance.now();
    const silent = await connect(t);
    t.is((await silent.untilClosed()).code, 1008);
    t.true(performance.now() - start >= 9_900, "not before the deadline");
    t.deepEqual(silent.messages, []);
    t.is(good.closed, undefined, "the deadline is that of the quarantine alone");
  },
);

test.serial(
  "H11: a cookie and a Bearer header that differ are CARRIER_CONFLICT, so are any two of the five places",
  async (t) => {
    const profile = await unchanged();
    const { token } = await profile.issue({ sub: "rider", per: PER });
    const { token: other } = await profile.issue({ sub: "rider", per: PER });
    const places: Readonly<Record<string, (token: string) => Partial<Carrier>>> = {
      cookie: (value) => ({ cookies: [{ name: "hivekit_token", value }] }),
      header: (value) => ({ headers: [{ name: "authorization", value: `Bearer ${value}` }] }),
      query: (value) => ({ query: [{ name: "token", value }] }),
      body: (value) => ({ body: [{ name: "token", value }] }),
      frame: (value) => frame(`Bearer ${value}`),
    };
    const shown = ({ rejection }: VerifyTokenResponse) => [rejection?.httpStatus, rejection?.wwwAuthenticate !== ""];
    for (const [one, first] of Object.entries(places))
      for (const [two, second] of Object.entries(places).filter(([name]) => name !== one)) {
        const answer = await profile.present({ ...first(token), ...second(other) });
        t.is(verdictOf(answer), "CARRIER_CONFLICT", `${one} and ${two}`);
        t.deepEqual(shown(answer), [401, true]);
        t.is(verdictOf(await profile.present({ ...first(token), ...second(token) })), "valid", `${one} and ${two}`);
      }
    for (const [name, place] of Object.entries(places))
      t.is(verdictOf(await profile.present(place(token))), "valid", name);
  },
);

test.serial("H12: after a rotation the old kid is valid for the overlap, then KEY_RETIRED", async (t) => {
  const profile = await withSecret(await service(), "rotating");
  const { token: old, keyId } = await profile.issue({ sub: "rider", per: PER });
  t.is(keyId, KID);
  const rotate = (keyId: string, seconds: bigint) =>
    profile.importSecret(testKey(keyId).toString("base64"), { keyId, overlap: { seconds, nanos: 0 } });
  t.is((await rotate("next", 3_600n)).overlapping, 1);
  t.is(verdictOf(await profile.verify(old)), "valid");
  const { token: fresh } = await profile.issue({ sub: "rider", per: PER });
  t.is(JSON.parse(textsOf(fresh).header).kid, "next");
  t.is(verdictOf(await profile.verify(fresh)), "valid");
  await rotate("last", 1n);
  await waitUntil("the overlap is over", async () => verdictOf(await profile.verify(old)) !== "valid");
  t.is(verdictOf(await profile.verify(old)), "KEY_RETIRED");
  t.is(verdictOf(await profile.verify((await profile.issue({ sub: "rider", per: PER })).token)), "valid");
  const { code, reason } = await failureOf(profile.importSecret(KEY.toString("base64"), { keyId: KID }));
  t.deepEqual([code, reason], ["ALREADY_EXISTS", "KEY_EXISTS"], "a kid never comes back with another secret");
});

test.serial("H13: a ttl that is a point in time is refused, and the answer says that it looks like one", async (t) => {
  const profile = await unchanged();
  const call = profile.issue({ sub: "service", per: PER }, { ttl: { seconds: 1_683_571_152n, nanos: 0 } });
  const { code, violations } = await failureOf(call);
  t.is(code, "INVALID_ARGUMENT");
  t.deepEqual(
    violations.map(({ field }) => field),
    ["ttl"],
  );
  t.regex(violations[0]?.description ?? "", /looks like an absolute time/);
  const ttl = (days: bigint) => ({ ttl: { seconds: days * 86_400n, nanos: 0 } });
  t.deepEqual(await badFields(profile.issue({ per: PER }, ttl(31n))), ["ttl"]);
  t.deepEqual(await badFields(profile.issue({ per: PER, static: true }, ttl(366n))), ["ttl"]);
  const key = await profile.issue({ per: PER, static: true }, ttl(365n));
  t.false("static" in claimsOf(key.token));
  t.is(verdictOf(await profile.verify(key.token)), "valid", "an explicit long life is accepted");
});

test.serial("H13: the vendor's own sample lives too long, and the diagnosis says why", async (t) => {
  const profile = await unchanged();
  const { header, claims } = textsOf(SAMPLES.hivekit);
  const answer = await profile.verify(foreignToken(header, claims, KEY));
  t.is(verdictOf(answer), "LIFETIME_EXCEEDED");
  t.regex(answer.diagnosis, /looks like an absolute time/);
  t.notRegex(answer.rejection?.message ?? "", /absolute/);
});

test.serial(
  "H14: one text imported as base64 and as utf8 is two keys; length, fingerprint and diagnosis show it",
  async (t) => {
    const [one, other] = [hivekit(await service(), "one"), hivekit(await service(), "other")];
    const text = KEY.toString("base64");
    const decoded = await one.importSecret(text, { keyId: "k" });
    const asText = await other.importSecret(text, { keyId: "k", encoding: SECRET_ENCODING_UTF8 });
    t.deepEqual([decoded.key?.byteLength, asText.key?.byteLength], [32, 44]);
    t.not(decoded.key?.fingerprint, asText.key?.fingerprint);
    t.deepEqual([decoded.warnings, asText.warnings], [[], ["UNUSUAL_ENCODING"]]);
    const { token } = await one.issue({ sub: "rider", per: PER });
    const moved = foreignToken(textsOf(token).header, { ...claimsOf(token), tnd: "other" }, KEY);
    const answer = await other.verify(moved);
    t.is(verdictOf(answer), "BAD_SIGNATURE");
    t.regex(answer.diagnosis, /if the secret is read as base64/);
    const again = hivekit(await service(), "again");
    t.is(
      (await again.importSecret(text)).key?.fingerprint,
      decoded.key?.fingerprint,
      "equal keys have one fingerprint",
    );
  },
);
