import test from "ava";
import type { Log, LogEvent } from "../../src/app/log.ts";
import type { AuditEvent, AuditLog } from "../../src/audit/event.ts";
import {
  BatchIssueTokensRequest,
  type BatchIssueTokensResponse,
  type IssueTokenRequest,
} from "../../src/gen/signet/v1/token.ts";
import { get } from "../support/service/get.ts";
import { importKey, revokeKey } from "../support/service/key-calls.ts";
import { revokeTokens } from "../support/service/revoke-tokens.ts";
import { failureOf } from "../support/service/rich-error.ts";
import { issue, promised, type Service, startService, verify } from "../support/service/service.ts";

const GOOD = { profile: "service", subject: "alice", audience: ["api"] };

/** Keeps the events that are appended to the audit log. */
function watched(events: AuditEvent[]) {
  return (audit: AuditLog): AuditLog => ({
    append(event, time) {
      events.push(event);
      return audit.append(event, time);
    },
  });
}

function issueBatch({ tokens }: Service, items: Partial<IssueTokenRequest>[]): Promise<BatchIssueTokensResponse> {
  const request = BatchIssueTokensRequest.fromPartial({ items });
  return promised(tokens.batchIssueTokens.bind(tokens), request);
}

test("X14: when the clock steps back 2 s, iat does not, what had expired stays so, and no epoch is made again", async (t) => {
  const clock = { now: Date.now() };
  const logged: LogEvent[] = [];
  const log: Log = (_, event) => logged.push(event);
  const service = await startService(t, { surroundings: { now: () => clock.now, log } });
  const short = await issue(service, { ttl: { seconds: 1n, nanos: 0 } });
  // The profile's leeway is 60 s.
  clock.now += 61_000;
  const { rejection } = await verify(service, short.token);
  t.is(rejection?.reason, 18);
  const before = await issue(service);
  const { keyringGeneration } = await verify(service, before.token);
  clock.now -= 2_000;
  const after = await issue(service);
  t.is(after.issuedAt?.getTime(), before.issuedAt?.getTime());
  t.is((await verify(service, short.token)).rejection?.reason, 18);
  t.like(await verify(service, after.token), { valid: true, keyringGeneration });
  const steps = logged.filter((event) => event.type === "clock.stepped_back");
  t.deepEqual(steps, [{ type: "clock.stepped_back", behind: 2_000, held: true }]);
});

test("a batch answers each item as a call of its own would have been, in order, and every token verifies", async (t) => {
  const events: AuditEvent[] = [];
  const service = await startService(t, { surroundings: { wrapAudit: watched(events) } });
  const items = Array.from({ length: 100 }, (_, i) => ({ ...GOOD, subject: i === 50 ? "" : `user-${i}` }));
  const { results } = await issueBatch(service, items);
  for (const [index, { result }] of results.entries()) {
    if (index === 50) {
      t.true(result?.$case === "error" && result.value.code === 3);
      t.regex(result?.$case === "error" ? result.value.message : "", /^subject is required/);
    } else if (result?.$case === "response") {
      t.like(await verify(service, result.value.token), { valid: true, subject: `user-${index}` });
    } else t.fail(`item ${index} has no token`);
  }
  t.is(events.filter(({ type }) => type === "token.issued").length, 99);
  t.is((await failureOf(issueBatch(service, []))).code, "INVALID_ARGUMENT");
});

test("a retry with the same request_id gets the same token, and other content ALREADY_EXISTS", async (t) => {
  const events: AuditEvent[] = [];
  const service = await startService(t, { surroundings: { wrapAudit: watched(events) } });
  const requestId = "order:1";
  const [first, second] = await Promise.all([issue(service, { requestId }), issue(service, { requestId })]);
  t.is(second.token, first.token);
  t.like(await failureOf(issue(service, { requestId, subject: "bob" })), {
    code: "ALREADY_EXISTS",
    reason: "REQUEST_ID_REUSED",
  });
  const issued = events.filter(({ type }) => type === "token.issued");
  t.is(issued.length, 1);
  t.like(issued[0], { requestId, tokenId: first.tokenId });
});

test("a repeated request_id whose token is dead gets a fresh one, whatever it died of", async (t) => {
  const clock = { now: Date.now() };
  const events: AuditEvent[] = [];
  const surroundings = { now: () => clock.now, wrapAudit: watched(events) };
  const service = await startService(t, { surroundings });
  const kill: Record<string, (token: { tokenId: string; keyId: string }) => Promise<unknown>> = {
    "its id was revoked": ({ tokenId }) => revokeTokens(service, { tokenIds: [tokenId] }),
    "its subject was revoked": async () => {
      await revokeTokens(service, { subject: "alice" });
      // The revocation holds for all that is issued in its second.
      clock.now += 1_000;
    },
    "its key was revoked": ({ keyId }) => revokeKey(service, keyId),
    "it has expired": async () => {
      clock.now += 60_000;
    },
  };
  for (const [what, die] of Object.entries(kill)) {
    const request = { requestId: what.replaceAll(" ", "-"), ttl: { seconds: 60n, nanos: 0 } };
    const first = await issue(service, request);
    t.is((await issue(service, request)).token, first.token, "control: while it lives, it is the answer");
    await die(first);
    const [second, third] = await Promise.all([issue(service, request), issue(service, request)]);
    t.not(second.token, first.token, what);
    t.is(third.token, second.token, `${what}: the fresh one is the answer from now on`);
    t.true((await verify(service, second.token)).valid, what);
    const other = await failureOf(issue(service, { ...request, audience: ["other"] }));
    t.is(other.code, "ALREADY_EXISTS", what);
    const ids = events.flatMap((event) =>
      event.type === "token.issued" && event.requestId === request.requestId ? event.tokenId : [],
    );
    t.deepEqual(ids, [first.tokenId, second.tokenId], `${what}: both have their event`);
  }
});

test("a repeated request_id whose imported secret was replaced without an overlap gets a fresh token", async (t) => {
  const service = await startService(t);
  const request = {
    profile: "viasocket",
    subject: "",
    audience: [],
    requestId: "retry",
    claims: { org_id: "o", project_id: "p", user_id: "u" },
  };
  await importKey(service, { profile: "viasocket", keyId: "k1" });
  const first = await issue(service, request);
  await importKey(service, { profile: "viasocket", keyId: "k2" });
  t.is((await issue(service, request)).token, first.token, "control: the old secret still verifies");
  await importKey(service, { profile: "viasocket", keyId: "k3", overlap: { seconds: 0n, nanos: 0 } });
  t.is((await issue(service, request)).keyId, "k3");
});

test("validate_only answers the claims, and leaves no event and no count behind", async (t) => {
  const events: AuditEvent[] = [];
  const service = await startService(t, { surroundings: { wrapAudit: watched(events) } });
  const { token, tokenId, keyId, claims } = await issue(service, { validateOnly: true });
  t.deepEqual([token, tokenId], ["", ""]);
  t.is(keyId, (await issue(service)).keyId);
  t.like(claims, { sub: "alice", aud: "api" });
  const refused = await failureOf(issue(service, { validateOnly: true, subject: "", clientIp: "1.2.3.4" }));
  t.deepEqual(
    refused.violations.map(({ field }) => field),
    ["subject", "client_ip"],
  );
  t.deepEqual(
    events.filter(({ type }) => type.startsWith("token.")).map(({ type }) => type),
    ["token.issued"],
  );
  const metrics = await (await get(`${service.url}/metrics`)).text();
  t.regex(metrics, /signet_tokens_issued_total\{profile="service"\} 1\n/);
});
