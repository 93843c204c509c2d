import test from "ava";
import { SecretEncoding } from "../../src/gen/signet/v1/keys.ts";
import { filesIn } from "../support/files/config-files.ts";
import { tempFolder } from "../support/files/temp.ts";
import { dialect, verdictOf } from "../support/profiles/dialect.ts";
import { startRemote, untilLogged } from "../support/service/remote-service.ts";
import { foreignToken, testKey, textsOf } from "../support/tokens/foreign-token.ts";

const KEY = testKey("vendor claims");

/** What other vendors' tokens have, and those that ship do not. */
const STUDIO = `profile: studio
issuer: tenant
tenant: {}
subject: { claim: sub, may_be_empty: true }
header: { typ: JWT, kid: absent, parameters: { cty: studio-fpa;v=1, v: 2, strict: true } }
keys: { imported: HS256, encoding: utf8 }
lifetime: { exp: required, default: 5m, max: 1h }
request:
  type: object
  additionalProperties: false
  properties:
    video: { type: object, properties: { roomJoin: { type: boolean }, room: { type: string }, canPublish: {} } }
    capability: { type: object }
    weight: {}
claims:
  - { name: iss, from: issuer }
  - { name: sub, from: subject }
  - { name: nbf, from: issued_at, minus: 10s }
  - { name: iat, from: issued_at }
  - { name: exp, from: expires_at }
  - { name: video, from: request.video, order: schema }
  - { name: sorted, from: request.video }
  - { name: capability, cel: "has(request.capability) ? json(request.capability) : null" }
  - { name: heavy, cel: "has(request.weight) ? request.weight > 1 : null" }
accept: { type: object }
context: { type: object }
rules:
  - { require: "!has(context.room) || context.room + 1 == 2", reason: NOT_PERMITTED, message: m }
`;

const HEADER = { alg: "HS256", typ: "JWT", cty: "studio-fpa;v=1", v: 2, strict: true };

test("the claims and headers of other vendors: issuer, subject, nbf, parameters, order, text of an object, causes", async (t) => {
  const folder = await filesIn(t, { "studio.yaml": STUDIO });
  const service = await startRemote(t, { data: await tempFolder(t), env: { SIGNET_PROFILES_FOLDER: folder } });
  const of = (tenant: string) => dialect(service, "studio", { tenant, encoding: SecretEncoding.SECRET_ENCODING_UTF8 });
  const [mine, other] = [of("APIkey1"), of("APIkey2")];
  for (const { importSecret } of [mine, other]) await importSecret(KEY.toString("hex"));
  const secret = Buffer.from(KEY.toString("hex"));
  const now = Math.floor(Date.now() / 1000);
  const claims = { iss: "APIkey1", sub: "u", iat: now, exp: now + 600 };
  const verdict = async (header: object, more: object = {}) =>
    verdictOf(await mine.verify(foreignToken(header, { ...claims, ...more }, secret)));

  const issued = await mine.issue({
    video: { room: "r", canPublish: { b: 1, a: 2 }, extra: 1, roomJoin: true },
    capability: { "b:*": ["subscribe"], a: ["*"] },
  });
  t.is(textsOf(issued.token).header, JSON.stringify(HEADER));
  const iat = Math.floor((issued.issuedAt?.getTime() ?? 0) / 1000);
  const nested = '"room":"r","canPublish":{"a":2,"b":1},"extra":1';
  t.is(
    textsOf(issued.token).claims,
    `{"iss":"APIkey1","sub":"","nbf":${iat - 10},"iat":${iat},"exp":${iat + 300},` +
      `"video":{"roomJoin":true,${nested}},"sorted":{"canPublish":{"a":2,"b":1},"extra":1,"room":"r","roomJoin":true},` +
      '"capability":"{\\"a\\":[\\"*\\"],\\"b:*\\":[\\"subscribe\\"]}"}',
  );
  const answer = await mine.verify(issued.token);
  t.deepEqual([verdictOf(answer), answer.subject], ["valid", ""]);
  t.is(verdictOf(await other.verify(issued.token)), "ISSUER_MISMATCH", "although the secret is the same");
  t.is(await verdict(HEADER), "valid");
  t.is(await verdict(HEADER, { iss: undefined }), "ISSUER_MISMATCH");

  for (const [nbf, expected] of [
    [0, "valid"],
    [now - 3600, "valid"],
    [now + 600, "NOT_YET_VALID"],
    [-1, "CLAIM_INVALID"],
    [0.5, "CLAIM_INVALID"],
  ] as const)
    t.is(await verdict(HEADER, { nbf }), expected, `nbf ${nbf}`);
  t.is(await verdict(HEADER, { iat: 0 }), "CLAIM_INVALID");

  const { strict: _strict, ...lacking } = HEADER;
  for (const header of [
    lacking,
    { ...HEADER, v: "2" },
    { ...HEADER, strict: false },
    { ...HEADER, cty: "studio-fpa;v=2" },
    { ...HEADER, jku: "https://a" },
    { ...HEADER, crit: ["b64"] },
  ])
    t.is(await verdict(header), "HEADER_INVALID", JSON.stringify(header));
  // What was verified once is remembered, and judged by the profile that is asked.
  t.is(await verdict(HEADER), "valid");

  // The schema leaves the type open: the cause is in the log, and no value.
  await t.throwsAsync(mine.issue({ weight: "planted" }), { message: /must allow the claim heavy to be computed/ });
  const denied = await mine.verify(issued.token, { context: { room: "planted" } });
  t.is(verdictOf(denied), "NOT_PERMITTED");
  await untilLogged(service, (lines) => lines.some(({ event }) => event === "rule.failed"));
  const { log } = service.process;
  const causes = log.flatMap(({ event, cause }) => (cause === undefined ? [] : [`${event}: ${cause}`]));
  t.deepEqual(causes, [
    "claim.failed: found no matching overload for '_>_' applied to '(string, int)'",
    "rule.failed: found no matching overload for '_+_' applied to '(string, int)'",
  ]);
  t.notRegex(JSON.stringify(log), /planted/);
});
