import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { join } from "node:path";
import type { ClientReadableStream } from "@grpc/grpc-js";
import test, { type ExecutionContext } from "ava";
import type { LogEvent } from "../../src/app/log.ts";
import type { Revocation, VerifyTokenResponse, WatchRevocationsResponse } from "../../src/gen/signet/v1/token.ts";
import { openFileKeyValue } from "../../src/state/file.ts";
import { readAuditStream } from "../support/nats/audit-stream.ts";
import { startNats, testWithNats } from "../support/nats/nats-server.ts";
import { badFields, dialect, verdictOf } from "../support/profiles/dialect.ts";
import { importEverywhere } from "../support/profiles/every-profile.ts";
import { get } from "../support/service/get.ts";
import { allForwarded } from "../support/service/remote-service.ts";
import { revokeTokens } from "../support/service/revoke-tokens.ts";
import { failureOf } from "../support/service/rich-error.ts";
import { issue, type Service, startService, verify } from "../support/service/service.ts";
import { waitUntil } from "../support/wait-until.ts";

const SECRET = randomBytes(32).toString("base64");

test("a revoked token is REVOKED, with its id and key, and no other token is", async (t) => {
  const service = await startService(t);
  const [taken, kept] = [await issue(service), await issue(service)];
  const before = await verify(service, taken.token);
  t.is(verdictOf(before), "valid");
  t.deepEqual(before.revocationViewAge, { seconds: 0n, nanos: 0 });
  const { revokedAt, until } = await revokeTokens(service, { tokenIds: [taken.tokenId] });
  t.true(until !== undefined && revokedAt !== undefined && until > revokedAt);
  const after = await verify(service, taken.token);
  t.is(verdictOf(after), "REVOKED");
  t.like(after, { tokenId: taken.tokenId, keyId: taken.keyId, expiresAt: taken.expiresAt });
  t.deepEqual(after.revocationViewAge, { seconds: 0n, nanos: 0 });
  t.is(verdictOf(await verify(service, kept.token)), "valid");
});

test("a subject's tokens are revoked up to this second; those of the next second are valid", async (t) => {
  let clock = Date.now();
  const service = await startService(t, { surroundings: { now: () => clock } });
  const verdicts = (answers: readonly { readonly token: string }[]) =>
    Promise.all(answers.map(async ({ token }) => verdictOf(await verify(service, token))));
  const early = [await issue(service), await issue(service), await issue(service, { subject: "bob" })];
  await revokeTokens(service, { subject: "alice" });
  t.deepEqual(await verdicts(early), ["REVOKED", "REVOKED", "valid"]);
  clock += 1_000;
  t.deepEqual(await verdicts([await issue(service)]), ["valid"]);
});

test("what was revoked stays revoked when the service starts again", async (t) => {
  const first = await startService(t);
  const { token, tokenId } = await issue(first);
  await revokeTokens(first, { tokenIds: [tokenId] });
  await first.app.stop("SIGTERM");
  const second = await startService(t, { data: first.data });
  t.is(verdictOf(await verify(second, token)), "REVOKED");
});

test("a stored revocation that can't be read is logged as one without effect, and not as an outage", async (t) => {
  const first = await startService(t);
  await first.app.stop("SIGTERM");
  const store = await openFileKeyValue(join(first.data, "state", "state.db"), Date.now);
  await store.create("revoked/token/x", Buffer.from("of a later version"));
  store.close();
  const logged: LogEvent[] = [];
  await startService(t, { data: first.data, surroundings: { log: (_, event) => void logged.push(event) } });
  const found = () => logged.filter(({ type }) => type.startsWith("revocations."));
  await waitUntil("it is logged", () => found().length > 0);
  t.like(found(), [{ type: "revocations.ineffective", error: { code: "UNREADABLE" } }]);
});

test("tokens of every profile are revoked by id and by subject, and the client is shown what its profile says", async (t) => {
  let clock = Date.now();
  const service = await startService(t, { surroundings: { now: () => clock } });
  const profiles = await importEverywhere(service, SECRET);
  for (const { name: profile, grant, verify: shown } of Object.values(profiles)) {
    const tenant = profile === "hivekit" ? "acme" : "";
    const one = await grant();
    // Without a jti two tokens of one second and content are one.
    clock += 1_000;
    const other = await grant();
    const { tokenId, subject } = await shown(one);
    t.not(tokenId, (await shown(other)).tokenId, profile);
    await revokeTokens(service, { profile, tenant, tokenIds: [tokenId] });
    t.is(verdictOf(await shown(one)), "REVOKED", profile);
    t.is(verdictOf(await shown(other)), "valid", profile);
    await revokeTokens(service, { profile, tenant, subject });
    const answer = await shown(other);
    t.is(verdictOf(answer), "REVOKED", profile);
    t.is(answer.rejection?.websocketCloseCode, profile === "euler-stream" ? 4401 : 0, profile);
  }
});

test("bad fields are named, and an unknown profile is NOT_FOUND", async (t) => {
  const service = await startService(t);
  t.deepEqual(await badFields(revokeTokens(service, { reason: "", tenant: "t" })), ["reason", "tenant", "token_ids"]);
  t.deepEqual(await badFields(revokeTokens(service, { profile: "" })), ["profile"]);
  const unknown = await failureOf(revokeTokens(service, { profile: "nowhere", tokenIds: ["a"] }));
  t.like(unknown, { code: "NOT_FOUND", reason: "PROFILE_NOT_FOUND" });
});

testWithNats("the event names the tokens, the hash of the subject, the caller and the reason", async (t) => {
  const nats = await startNats(t);
  const service = await startService(t, { env: { SIGNET_NATS_URL: nats.url } });
  await issue(service, { subject: "alice" });
  await revokeTokens(service, { tokenIds: ["a", "b"], reason: "lost laptop" });
  const { until } = await revokeTokens(service, { subject: "alice", issuedBefore: new Date(1_000_500) });
  await allForwarded(service);
  const messages = await readAuditStream(nats.url);
  const issued = messages.flatMap(({ event: { event } }) => (event?.$case === "tokenIssued" ? [event.value] : []));
  const revoked = messages.filter(({ event: { event } }) => event?.$case === "tokenRevoked");
  t.deepEqual(new Set(revoked.map(({ subject }) => subject)), new Set(["signet.audit.token.revoked.service"]));
  const [byId, bySubject] = revoked.map(({ event }) => event.event?.value);
  t.like(byId, {
    profile: "service",
    tokenIds: ["a", "b"],
    subjectHash: "",
    caller: "loopback",
    reason: "lost laptop",
  });
  const subjectHash = issued[0]?.subjectHash ?? "";
  t.is(subjectHash.length, 22);
  t.like(bySubject, { tokenIds: [], subjectHash, issuedBefore: new Date(1_000_000), until, reason: "a test" });
  for (const { body } of revoked) t.false(Buffer.from(body).includes("alice"));
});

test("a watch yields what is in force, then that it is current, then each change of its profile", async (t) => {
  const service = await startService(t);
  await revokeTokens(service, { tokenIds: ["a"] });
  await revokeTokens(service, { profile: "euler-stream", subject: "bob" });
  const [every, one] = [watching(t, service, ""), watching(t, service, "service")];
  await waitUntil("both are current", () => [every, one].every(({ changes }) => changes.includes("current")));
  await revokeTokens(service, { profile: "euler-stream", tokenIds: ["b"] });
  await revokeTokens(service, { tokenIds: ["c"] });
  await waitUntil("both have every change", () => every.changes.length === 5 && one.changes.length === 3);
  const names = (changes: (typeof one)["changes"]) =>
    changes.map((change) => (change === "current" ? change : `${change.profile} ${change.tokenId || "a subject"}`));
  t.deepEqual(names(one.changes), ["service a", "current", "service c"]);
  t.deepEqual(names(every.changes), ["service a", "euler-stream a subject", "current", "euler-stream b", "service c"]);
  const subject = every.changes[1] as Revocation;
  t.regex(subject.subjectHash, /^[A-Za-z0-9_-]{22}$/);
  t.true(subject.issuedBefore instanceof Date && subject.revokedAt instanceof Date && subject.until instanceof Date);
});

test("a watch of an unknown profile is NOT_FOUND", async (t) => {
  const { ended } = watching(t, await startService(t), "nowhere");
  t.like(await failureOf(ended), { code: "NOT_FOUND", reason: "PROFILE_NOT_FOUND" });
});

test("a watch yields the keys at once and after each change, of one keyset or of all", async (t) => {
  const service = await startService(t);
  const all = service.keys.watchKeys({ keyset: "" });
  const [first] = await once(all, "data");
  t.deepEqual(
    new Set(first.keys.map(({ keyset }: { keyset: string }) => keyset)),
    new Set(["euler-stream", "service"]),
  );
  const changed = once(all, "data");
  const { importSecret } = dialect(service, "hivekit", { tenant: "acme" });
  await importSecret(Buffer.alloc(32, 9).toString("base64"), { encoding: 2, allowWeak: true });
  const [second] = await changed;
  t.deepEqual(second.keys.at(-1)?.tenant, "acme");
  all.on("error", () => {});
  all.cancel();
  const unknown = service.keys.watchKeys({ keyset: "nowhere" });
  const [error] = await once(
    unknown.on("data", () => {}),
    "error",
  );
  t.like(await failureOf(Promise.reject(error)), { code: "NOT_FOUND", reason: "KEYSET_NOT_FOUND" });
});

test("a service that stops ends its watches with a hint to watch again", async (t) => {
  const service = await startService(t);
  const { changes, ended } = watching(t, service, "");
  await waitUntil("it is current", () => changes.length === 1);
  const [failure] = await Promise.all([failureOf(ended), service.app.stop("SIGTERM")]);
  t.like(failure, { code: "UNAVAILABLE", reason: "STOPPING", retryAfterMs: 1_000 });
});

test("without a cache the answers are the same", async (t) => {
  const env = { SIGNET_VERIFY_CACHE_ENTRIES: "0" };
  const service = await startService(t, { env });
  const { token, tokenId } = await issue(service);
  const answers: VerifyTokenResponse[] = [await verify(service, token), await verify(service, token)];
  t.deepEqual(answers[0], answers[1]);
  await revokeTokens(service, { tokenIds: [tokenId] });
  t.is(verdictOf(await verify(service, token)), "REVOKED");
});

test("hits and misses of the cache are counted", async (t) => {
  const service = await startService(t);
  const { token } = await issue(service);
  for (let time = 0; time < 3; time += 1) await verify(service, token);
  const text = await (await get(`${service.url}/metrics`)).text();
  t.regex(text, /^signet_verify_cache_lookups_total\{result="hit"\} 2$/m);
  t.regex(text, /^signet_verify_cache_lookups_total\{result="miss"\} 1$/m);
});

/** What a watch has yielded so far; `ended` rejects with the ServiceError that ends it. */
function watching(t: ExecutionContext, { tokens }: Service, profile: string) {
  const stream: ClientReadableStream<WatchRevocationsResponse> = tokens.watchRevocations({ profile });
  const changes: (Revocation | "current")[] = [];
  const ended = (async () => {
    for await (const { change } of stream as AsyncIterable<WatchRevocationsResponse>)
      if (change !== undefined) changes.push(change.$case === "current" ? "current" : change.value);
  })();
  ended.catch(() => {});
  t.teardown(() => stream.cancel());
  return { changes, ended };
}
