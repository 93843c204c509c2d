import { createHash } from "node:crypto";
import { credentials } from "@grpc/grpc-js";
import test, { type ExecutionContext } from "ava";
import {
  CloseSessionsRequest,
  ListSessionsRequest,
  OpenSessionRequest,
  type OpenSessionResponse,
  RenewSessionsRequest,
  SessionServiceClient,
  type WatchSessionsResponse,
} from "../../src/gen/signet/v1/session.ts";
import { type IssueTokenResponse, RejectionReason, VerifyTokenResponse } from "../../src/gen/signet/v1/token.ts";
import { readPage, tableRows } from "../docs/pages.ts";
import { dialect, verdictOf } from "../support/profiles/dialect.ts";
import { get } from "../support/service/get.ts";
import { revokeKey } from "../support/service/key-calls.ts";
import { revokeTokens } from "../support/service/revoke-tokens.ts";
import { failureOf } from "../support/service/rich-error.ts";
import { promised, type Service, startService } from "../support/service/service.ts";
import { shared } from "../support/service/shared.ts";
import { waitUntil } from "../support/wait-until.ts";

/** The calls of gateways at a service. */
function sessionsOf(t: ExecutionContext, { app }: Pick<Service, "app">) {
  const client = new SessionServiceClient(app.addresses.grpc, credentials.createInsecure());
  t.teardown(() => client.close());
  return {
    client,
    open(token: string, request: Partial<OpenSessionRequest> = {}): Promise<OpenSessionResponse> {
      const credential = { $case: "token", value: token } as const;
      const verification = { profile: "euler-stream", credential, context: { uniqueId: "anybody" } };
      const whole = OpenSessionRequest.fromPartial({ verification, gatewayId: "gw", connectionId: "c-1", ...request });
      return promised(client.openSession.bind(client), whole);
    },
    renew: (request: Partial<RenewSessionsRequest>) =>
      promised(client.renewSessions.bind(client), RenewSessionsRequest.fromPartial(request)),
    close: (request: Partial<CloseSessionsRequest>) =>
      promised(client.closeSessions.bind(client), CloseSessionsRequest.fromPartial(request)),
    list: (request: Partial<ListSessionsRequest> = {}) =>
      promised(client.listSessions.bind(client), ListSessionsRequest.fromPartial(request)),
    watch(gatewayId: string): readonly WatchSessionsResponse["change"][] {
      const changes: WatchSessionsResponse["change"][] = [];
      const stream = client.watchSessions({ gatewayId });
      stream.on("data", ({ change }: WatchSessionsResponse) => changes.push(change)).on("error", () => undefined);
      t.teardown(() => stream.cancel());
      return changes;
    },
  };
}

const service = shared(test, (t) => startService(t));

/** A token of Euler Stream for so many sockets, and its id. */
function eulerToken(service: Service, maxWebSockets = 1) {
  const websockets = { allowedCreators: null, maxWebSockets };
  return dialect(service, "euler-stream").issue({ accountId: "account-7", expireAfter: 60, websockets });
}

const verdictOn = ({ verification }: OpenSessionResponse) =>
  verdictOf(verification ?? VerifyTokenResponse.fromPartial({}));

/** The digest as docs/sessions.md describes it. */
function digestOf(sessionIds: readonly string[]): Buffer {
  const digest = Buffer.alloc(16);
  for (const id of sessionIds)
    for (const [at, byte] of createHash("sha256").update(id).digest().subarray(0, 16).entries())
      digest[at] = (digest[at] ?? 0) ^ byte;
  return digest;
}

test("the digest of docs/sessions.md has the values of its table", (t) => {
  const rows = tableRows(readPage("docs/sessions.md"), "### The digest").map((row) =>
    row.map((cell) => cell.replaceAll("`", "")),
  );
  const ids = rows.slice(0, -1).map(([id = ""]) => id);
  t.is(ids.length, 3);
  for (const [id = "", part = ""] of rows.slice(0, -1)) t.is(digestOf([id]).toString("hex"), part);
  t.is(digestOf(ids).toString("hex"), rows.at(-1)?.[1] ?? "");
});

test("one session of one is open until its gateway closes it; the next one shows 4429 meanwhile", async (t) => {
  const { open, close, list } = sessionsOf(t, await service());
  const { token, tokenId } = await eulerToken(await service());
  const first = await open(token, { gatewayId: "one" });
  t.is(verdictOn(first), "valid");
  t.like(first, { openSessions: 1, maxSessions: 1, lease: { duration: { seconds: 30n } } });
  t.like(first.atDeadline, { websocketCloseCode: 4555, websocketCloseReason: "maximum connection life" });
  const opened = first.session?.openedAt?.getTime() ?? 0;
  t.is(first.session?.deadline?.getTime(), opened + 8 * 3_600_000);

  const second = await open(token, { gatewayId: "one", connectionId: "c-2" });
  t.is(verdictOn(second), "TOO_MANY_SESSIONS");
  t.like(second.verification?.rejection, { websocketCloseCode: 4429, websocketCloseReason: "too many connections" });
  t.is(second.session, undefined);

  const sessionId = first.session?.sessionId ?? "";
  t.like((await list({ profile: "euler-stream", tokenId })).sessions, [{ sessionId, caller: "loopback" }]);
  await close({ gatewayId: "one", sessionIds: [sessionId] });
  t.is(verdictOn(await open(token, { gatewayId: "one", connectionId: "c-2" })), "valid");
});

test("what another gateway has opened is neither closed nor ended", async (t) => {
  const { open, close, renew } = sessionsOf(t, await service());
  const { token } = await eulerToken(await service());
  const { session, lease } = await open(token, { gatewayId: "owner" });
  const sessionId = session?.sessionId ?? "";
  await close({ gatewayId: "thief", sessionIds: [sessionId] });
  await renew({ gatewayId: "thief", closedSessionIds: [sessionId], digest: Buffer.alloc(16) });
  const mine = { gatewayId: "owner", leaseId: lease?.leaseId ?? "" };
  const renewed = await renew({ ...mine, sessionCount: 1, digest: digestOf([sessionId]) });
  t.like(renewed, { lease: { leaseId: mine.leaseId }, ended: [], listWanted: false });
});

const REVOCATIONS: readonly (readonly [
  what: string,
  revoke: (service: Service, token: IssueTokenResponse) => Promise<unknown>,
  reason: RejectionReason,
])[] = [
  [
    "token",
    (service, { tokenId }) => revokeTokens(service, { profile: "euler-stream", tokenIds: [tokenId] }),
    RejectionReason.REJECTION_REASON_REVOKED,
  ],
  [
    "subject",
    (service) => revokeTokens(service, { profile: "euler-stream", subject: "account-7" }),
    RejectionReason.REJECTION_REASON_REVOKED,
  ],
  ["key", (service, { keyId }) => revokeKey(service, keyId), RejectionReason.REJECTION_REASON_KEY_REVOKED],
];
for (const [what, revoke, reason] of REVOCATIONS)
  test(`the revocation of a ${what} is told to the gateway that holds a session, and by the next renewal`, async (t) => {
    const own = await startService(t);
    const { open, watch, renew } = sessionsOf(t, own);
    const issued = await eulerToken(own);
    const { session, lease } = await open(issued.token, { gatewayId: "watching" });
    const sessionId = session?.sessionId ?? "";
    const changes = watch("watching");
    await waitUntil("the watch is current", () => changes.length > 0);
    t.deepEqual(changes, [{ $case: "current", value: true }]);
    await revoke(own, issued);
    await waitUntil("the end is told", () => changes.length > 1);
    const end = { sessionId, rejection: { reason, websocketCloseCode: 4401 } };
    t.like(changes[1], { $case: "ended", value: end });
    const held = { gatewayId: "watching", leaseId: lease?.leaseId ?? "", sessionCount: 1 };
    t.like((await renew({ ...held, digest: digestOf([sessionId]) })).ended, [end]);
  });

test("a gateway that holds what the service does not know lists it, and learns that it has ended", async (t) => {
  const { open, renew } = sessionsOf(t, await service());
  const { token } = await eulerToken(await service());
  const { session, lease } = await open(token, { gatewayId: "confused" });
  const known = session?.sessionId ?? "";
  const unknown = known.replaceAll(/./g, "f");
  const held = { gatewayId: "confused", leaseId: lease?.leaseId ?? "", sessionCount: 2 };
  const digest = digestOf([known, unknown]);
  const { renewalId, ...asked } = await renew({ ...held, digest });
  t.like(asked, { ended: [], listWanted: true });
  const sessions = [known, unknown].map((sessionId) => ({ sessionId, resume: session?.resume ?? Buffer.alloc(0) }));
  const { ended, listWanted } = await renew({ ...held, digest, page: { after: "", last: true, sessions, renewalId } });
  t.deepEqual(
    ended.map(({ sessionId, rejection }) => [sessionId, rejection?.reason]),
    [[unknown, 29]],
  );
  t.false(listWanted);
});

test("a page of 5 000 sessions fits the largest request; one more is refused, and so is a larger request", async (t) => {
  const { renew } = sessionsOf(t, await service());
  const held = (count: number, resumeBytes: number) =>
    Array.from({ length: count }, (_, index) => ({
      sessionId: index.toString(16).padStart(48, "0"),
      resume: Buffer.alloc(resumeBytes),
    }));
  const { lease, renewalId } = await renew({ gatewayId: "big", digest: Buffer.alloc(16) });
  const page = (sessions: ReturnType<typeof held>) =>
    renew({
      ...{ gatewayId: "big", leaseId: lease?.leaseId ?? "", sessionCount: sessions.length, digest: Buffer.alloc(16) },
      page: { after: "", last: true, sessions, renewalId },
    });
  t.is((await page(held(5_000, 270))).ended.length, 5_000);
  t.like(await failureOf(page(held(5_001, 200))), {
    code: "INVALID_ARGUMENT",
    violations: [{ field: "page.sessions", description: "must have at most 5000 values" }],
  });
  t.is((await failureOf(page(held(5_000, 1_000)))).code, "RESOURCE_EXHAUSTED");
});

test("every bad field of a call is named with its path", async (t) => {
  const { open, renew, close, list } = sessionsOf(t, await service());
  const fields = async (call: Promise<unknown>) => (await failureOf(call)).violations.map(({ field }) => field);
  t.deepEqual(await fields(open("", { gatewayId: "", connectionId: "a b", lease: { seconds: 1n, nanos: 0 } })), [
    ...["verification.token", "gateway_id", "connection_id", "lease"],
  ]);
  t.deepEqual(await fields(renew({ leaseId: "?", digest: Buffer.alloc(1) })), ["gateway_id", "lease_id", "digest"]);
  t.deepEqual(await fields(close({ sessionIds: ["x"] })), ["gateway_id", "session_ids[0]"]);
  t.deepEqual(await fields(list({ pageSize: -1, pageToken: "x", tokenId: "t" })), [
    ...["token_id", "page_size", "page_token"],
  ]);
});

test("what can't be opened is no answer: an unknown profile, and one without sessions", async (t) => {
  const { client } = sessionsOf(t, await service());
  const open = (verification: object) =>
    promised(
      client.openSession.bind(client),
      OpenSessionRequest.fromPartial({ verification, gatewayId: "gw", connectionId: "c" }),
    );
  const credential = { $case: "token", value: "a.b.c" };
  t.like(await failureOf(open({ profile: "none", credential })), { code: "NOT_FOUND", reason: "PROFILE_NOT_FOUND" });
  t.like(await failureOf(open({ profile: "service", audience: "api", credential })), {
    code: "FAILED_PRECONDITION",
    reason: "NO_SESSIONS",
  });
});

test("the metrics count sessions by profile and reason, and name no caller", async (t) => {
  const service = await startService(t);
  const { open, close } = sessionsOf(t, service);
  const { token } = await eulerToken(service);
  const { session } = await open(token, { gatewayId: "metered" });
  await open(token, { gatewayId: "metered" });
  await open(token, { gatewayId: "metered", connectionId: "c-2" });
  const samples = async () => {
    const text = await (await get(`${service.url}/metrics`)).text();
    return text.split("\n").filter((line) => /^signet_(session|tokens_rejected)/.test(line));
  };
  await waitUntil("it is open", async () => (await samples()).includes("signet_sessions_open 1"));
  t.deepEqual((await samples()).toSorted(), [
    "signet_session_gateways 1",
    "signet_sessions_open 1",
    'signet_sessions_opened_total{profile="euler-stream"} 1',
    'signet_tokens_rejected_total{profile="euler-stream",reason="TOO_MANY_SESSIONS"} 1',
  ]);
  await close({ gatewayId: "metered", sessionIds: [session?.sessionId ?? ""] });
  t.true((await samples()).includes('signet_sessions_closed_total{profile="euler-stream",reason="CLOSED"} 1'));
});
