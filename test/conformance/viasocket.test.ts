import type { ChannelCredentials } from "@grpc/grpc-js";
import test from "ava";
import jsonwebtoken from "jsonwebtoken";
import { SecretEncoding } from "../../src/gen/signet/v1/keys.ts";
import { type AuditMessage, readAuditStream } from "../support/nats/audit-stream.ts";
import { startNats, testWithNats } from "../support/nats/nats-server.ts";
import { badFields, type Dialect, dialect, verdictOf, warningsOf } from "../support/profiles/dialect.ts";
import { folderWithVariant } from "../support/profiles/profiles-folder.ts";
import { allForwarded, startRemote } from "../support/service/remote-service.ts";
import { failureOf } from "../support/service/rich-error.ts";
import { type Service, startService } from "../support/service/service.ts";
import { shared } from "../support/service/shared.ts";
import { tlsFiles } from "../support/tls/tls-files.ts";
import { certified, clientsWith, grpcTlsEnv, uncertified } from "../support/tls/tls-service.ts";
import { claimsOf, foreignToken, testKey, textsOf } from "../support/tokens/foreign-token.ts";
import { SAMPLES } from "../support/tokens/vendor-samples.ts";
import { waitUntil } from "../support/wait-until.ts";

/** An access key is text, and the bytes of the text are the key. */
const ACCESS_KEY = testKey("viasocket").toString("base64url");
const KEY = Buffer.from(ACCESS_KEY);
const HEADER = { alg: "HS256", typ: "JWT" };
const SAMPLE = claimsOf(SAMPLES.viasocket);
const REQUEST = { org_id: "8069", project_id: "projmdFTEvPR", user_id: "peHQc" };
const DAY = 86_400;

const viasocket = (service: Pick<Service, "tokens" | "keys">, name = "viasocket"): Dialect =>
  dialect(service, name, { encoding: SecretEncoding.SECRET_ENCODING_UTF8, verify: { context: REQUEST } });

async function withKey(service: Service, name?: string): Promise<Dialect> {
  const profile = viasocket(service, name);
  await profile.importSecret(ACCESS_KEY);
  return profile;
}

const service = shared(test, async (t) => {
  const withExp = { "exp: optional": "exp: required\n  default: 1h" };
  const folder = await folderWithVariant(t, "viasocket", "viasocket-exp", withExp);
  return startRemote(t, { env: { SIGNET_PROFILES_FOLDER: folder } });
});
const unchanged = shared(test, async () => withKey(await service()));

/** A token of the vendor's own library, so many seconds old. */
function foreign(claims: Readonly<Record<string, unknown>>, age = 0): string {
  return foreignToken(HEADER, { ...claims, iat: Math.floor(Date.now() / 1000) - age }, KEY);
}

test.serial("V1: header and claims are the sample's, and the token is what jsonwebtoken signs", async (t) => {
  const iat = Number(SAMPLE.iat);
  const profile = await withKey(await startService(t, { surroundings: { now: () => iat * 1000 + 999 } }));
  const { token } = await profile.issue(REQUEST);
  t.deepEqual(textsOf(token), textsOf(SAMPLES.viasocket));
  const { project_id, org_id, user_id } = REQUEST;
  t.is(token, jsonwebtoken.sign({ project_id, org_id, user_id, iat }, ACCESS_KEY));
});

test.serial("V2: with the context of its user the token is valid", async (t) => {
  const profile = await unchanged();
  const issued = await profile.issue(REQUEST);
  t.deepEqual(warningsOf(issued), ["NO_EXPIRY"]);
  t.is(issued.expiresAt, undefined);
  const answer = await profile.verify(issued.token);
  t.is(verdictOf(answer), "valid");
  t.is(answer.subject, "peHQc");
});

test.serial("V3: for another project, organisation or user it is NOT_PERMITTED", async (t) => {
  const profile = await unchanged();
  const { token } = await profile.issue(REQUEST);
  for (const field of Object.keys(REQUEST)) {
    t.is(verdictOf(await profile.verify(token, { context: { ...REQUEST, [field]: "other" } })), "NOT_PERMITTED", field);
    const { [field as keyof typeof REQUEST]: _, ...without } = REQUEST;
    t.is(verdictOf(await profile.verify(token, { context: without })), "CONTEXT_INVALID", field);
  }
});

test.serial("V4: a foreign token whose org_id is a number is CLAIM_INVALID for it", async (t) => {
  const profile = await unchanged();
  const answer = await profile.verify(foreign({ ...REQUEST, org_id: 8069 }));
  t.is(verdictOf(answer), "CLAIM_INVALID");
  t.regex(answer.rejection?.message ?? "", /^org_id /);
  t.is(verdictOf(await profile.verify(foreign(REQUEST))), "valid");
  t.deepEqual(await badFields(profile.issue({ ...REQUEST, org_id: 8069 })), ["claims.org_id"]);
});

test.serial("V5: 31 days old is TOO_OLD, 29 days old is valid with the warning NO_EXPIRY", async (t) => {
  const profile = await unchanged();
  t.is(verdictOf(await profile.verify(foreign(REQUEST, 31 * DAY))), "TOO_OLD");
  const answer = await profile.verify(foreign(REQUEST, 29 * DAY));
  t.is(verdictOf(answer), "valid");
  t.deepEqual(warningsOf(answer), ["NO_EXPIRY"]);
});

test.serial("V6: a profile that requires exp rejects the sample's claims as EXP_MISSING", async (t) => {
  const strict = await withKey(await service(), "viasocket-exp");
  const { header, claims } = textsOf(SAMPLES.viasocket);
  t.is(verdictOf(await strict.verify(foreignToken(header, claims, KEY))), "EXP_MISSING");
  const issued = await strict.issue(REQUEST);
  t.deepEqual(Object.keys(claimsOf(issued.token)), [...Object.keys(SAMPLE), "exp"]);
  t.deepEqual(warningsOf(issued), []);
  t.is(verdictOf(await strict.verify(issued.token)), "valid");
});

test.serial("V6: as shipped a ttl adds exp, and it is obeyed", async (t) => {
  const profile = await unchanged();
  const issued = await profile.issue(REQUEST, { ttl: { seconds: 600n, nanos: 0 } });
  t.is(issued.expiresAt?.getTime(), (issued.issuedAt?.getTime() ?? 0) + 600_000);
  const now = Math.floor(Date.now() / 1000);
  const over = foreignToken(HEADER, { ...REQUEST, iat: now - 601, exp: now - 1 }, KEY);
  t.is(verdictOf(await profile.verify(issued.token)), "valid");
  t.is(verdictOf(await profile.verify(over)), "EXPIRED");
});

test.serial("V7: a misspelt claim is CLAIM_MISSING, and the diagnosis says which came close", async (t) => {
  const profile = await unchanged();
  const { org_id, project_id, user_id } = REQUEST;
  for (const [claims, missing, close] of [
    [{ org_id, project_id, userid: user_id }, "user_id", "userid"],
    [{ orgId: org_id, project_id, user_id }, "org_id", "orgId"],
  ] as const) {
    const answer = await profile.verify(foreign(claims));
    t.is(verdictOf(answer), "CLAIM_MISSING");
    t.is(answer.rejection?.message, `${missing} is required`);
    t.true(answer.diagnosis.includes(`"${close}"`) && answer.diagnosis.includes(missing), answer.diagnosis);
  }
});

test.serial(
  "V8: user_id and unique_identifier that are equal are one claim, different ones CLAIM_CONFLICT",
  async (t) => {
    const profile = await unchanged();
    const { org_id, project_id } = REQUEST;
    const answer = await profile.verify(foreign({ ...REQUEST, unique_identifier: "peHQc" }));
    t.is(verdictOf(answer), "valid");
    t.is(verdictOf(await profile.verify(foreign({ ...REQUEST, unique_identifier: "other" }))), "CLAIM_CONFLICT");
    const newer = await profile.verify(foreign({ org_id, project_id, unique_identifier: "peHQc" }));
    t.is(verdictOf(newer), "valid");
    t.is(newer.subject, "peHQc");
  },
);

testWithNats(
  "V9: a placeholder or a short key is WEAK_KEY unless it is overridden, which is audited; an empty one never passes",
  async (t) => {
    const nats = await startNats(t);
    const service = await startRemote(t, { env: { SIGNET_NATS_URL: nats.url } });
    const profile = viasocket(service);
    const short = ["*****************", "secret", "YOUR ACCESS KEY HERE", "8 bytes!", ACCESS_KEY.slice(0, 31)];
    const long = ["YOUR ACCESS KEY HERE (as text, at least 32 bytes)", "x".repeat(64), "0123456789".repeat(5)];
    for (const secret of [...short, ...long]) {
      const { code, reason, message } = await failureOf(profile.importSecret(secret));
      t.deepEqual([code, reason], ["FAILED_PRECONDITION", "WEAK_KEY"], secret);
      t.false(message.includes(secret), "the secret is not repeated");
    }
    for (const allowWeak of [false, true])
      t.deepEqual(await badFields(profile.importSecret("", { allowWeak })), ["secret"]);
    t.is((await failureOf(profile.issue(REQUEST))).code, "FAILED_PRECONDITION", "nothing was imported");
    const imported = await profile.importSecret("8 bytes!", { allowWeak: true });
    t.deepEqual(imported.warnings, ["WEAK_KEY"]);
    t.is(imported.key?.byteLength, 8);
    await profile.importSecret(ACCESS_KEY);
    await allForwarded(service);
    t.deepEqual(
      importsIn(await readAuditStream(nats.url)).map(({ profile, byteLength, allowedWeak }) => [
        profile,
        byteLength,
        allowedWeak,
      ]),
      [
        ["viasocket", 8, true],
        ["viasocket", 43, false],
      ],
    );
  },
);

function importsIn(messages: readonly AuditMessage[]) {
  return messages.flatMap(({ event: { event } }) => (event?.$case === "keyImported" ? [event.value] : []));
}

test.serial(
  "V10: the header authorization holds the token with or without Bearer; where Bearer is required the bare token is missing",
  async (t) => {
    const profile = await unchanged();
    const { token } = await profile.issue(REQUEST);
    const authorization = (value: string) => ({ headers: [{ name: "authorization", value }] });
    for (const value of [token, `Bearer ${token}`, `bearer ${token}`])
      t.is(verdictOf(await profile.present(authorization(value))), "valid");
    t.is(verdictOf(await profile.present({ query: [{ name: "embedToken", value: token }] })), "valid");
    t.is(verdictOf(await profile.present({ body: [{ name: "embedToken", value: token }] })), "valid");
    const reactive = dialect(await service(), "reactive", { verify: { audience: "stream" } });
    t.is(verdictOf(await reactive.present(authorization(token))), "CARRIER_MISSING");
  },
);

test.serial("V11: both access keys verify in the overlap, after it the old one is BAD_SIGNATURE", async (t) => {
  const profile = await withKey(await startRemote(t));
  const { token: old } = await profile.issue(REQUEST);
  const rotate = (name: string, seconds: bigint) =>
    profile.importSecret(testKey(name).toString("base64url"), { overlap: { seconds, nanos: 0 } });
  await rotate("next", 3_600n);
  const { token: fresh } = await profile.issue(REQUEST);
  t.is(verdictOf(await profile.verify(old)), "valid");
  t.is(verdictOf(await profile.verify(fresh)), "valid");
  await rotate("last", 1n);
  await waitUntil("the overlap is over", async () => verdictOf(await profile.verify(old)) !== "valid");
  t.is(verdictOf(await profile.verify(old)), "BAD_SIGNATURE");
  t.is(verdictOf(await profile.verify((await profile.issue(REQUEST)).token)), "valid");
});

test("V12: a call without a proven caller, on an mTLS listener, is UNAUTHENTICATED", async (t) => {
  const [files, others] = [await tlsFiles(t), await tlsFiles(t)];
  const { process } = await startRemote(t, { env: await grpcTlsEnv(t, files, ["viasocket"]) });
  const callAs = (channel: ChannelCredentials) => viasocket(clientsWith(t, process.grpc, channel));
  const proven = callAs(await certified(files));
  await proven.importSecret(ACCESS_KEY);
  const { token } = await proven.issue(REQUEST);
  t.is(verdictOf(await proven.verify(token)), "valid");
  const ofAnotherCa = { ...files, authority: { ...others.authority, cert: files.authority.cert } };
  for (const channel of [uncertified(files), await certified(ofAnotherCa)]) {
    const unproven = callAs(channel);
    for (const call of [unproven.issue(REQUEST), unproven.verify(token), unproven.importSecret(ACCESS_KEY)])
      t.is((await failureOf(call)).code, "UNAUTHENTICATED");
  }
});
