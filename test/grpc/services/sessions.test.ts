import test from "ava";
import { createAccess } from "../../../src/access/access.ts";
import type { Access } from "../../../src/access/question.ts";
import {
  ListSessionsRequest,
  OpenSessionRequest,
  RenewSessionsRequest,
  type WatchSessionsResponse,
} from "../../../src/gen/signet/v1/session.ts";
import { rejectionReasonToJSON } from "../../../src/gen/signet/v1/token.ts";
import { sessionHandlers } from "../../../src/grpc/services/sessions.ts";
import type { Problem } from "../../../src/problem/problem.ts";
import type { ListedSession, OpenAnswer, OpenRequest, SessionService } from "../../../src/session/service.ts";
import { ORDERS, policyOf, SHIPPED, withRules } from "../../support/access/policies.ts";
import { LOOPBACK, OPEN_GATE } from "../../support/caller.ts";
import { profileOf, shippedText } from "../../support/profiles/profiles.ts";

const EULER = profileOf(shippedText("euler-stream"));
const HIVEKIT = profileOf(shippedText("hivekit"));
const NOW = 1_700_000_000_000;
const DEADLINE = NOW + 28_800_000;

const VALID: OpenAnswer["verification"] = {
  ...{ profile: EULER, epoch: 1, warnings: [], revocationViewAgeMs: 0, framed: false },
  sessionDeadline: DEADLINE / 1000,
  verdict: {
    ...{ valid: true, keyId: "k", tokenId: "t", expiresAt: undefined, claims: {}, subject: "s", issuedAt: undefined },
    warnings: [],
  },
};
const REJECTED: OpenAnswer["verification"] = {
  ...VALID,
  verdict: { valid: false, rejection: { reason: "TOO_MANY_SESSIONS", message: "1 of 1 is open", diagnosis: "why" } },
};
const OPENED: NonNullable<OpenAnswer["opened"]> = {
  session: {
    ...{ sessionId: "5e".repeat(24), connectionId: "c", openedAt: NOW, deadline: DEADLINE, idleMaxMs: undefined },
    resume: new Uint8Array([1, 2]),
  },
  lease: { leaseId: "l", durationMs: 30_000 },
  openSessions: 1,
  maxSessions: 3,
  atDeadline: { reason: "SESSION_ENDED", message: "the session has ended" },
};
const END = { sessionId: "5e".repeat(24), rejection: { reason: "REVOKED", message: "the token was revoked" } } as const;

function handlers(service: Partial<SessionService>, access: Access = OPEN_GATE.access) {
  return sessionHandlers(service as SessionService, access, () => SHIPPED.keys());
}

/** Access by the rules of one group, whose caller is ORDERS. */
function ruled(...rules: string[]): Access {
  const policy = policyOf(withRules(...rules));
  const current = () => ({ profiles: SHIPPED, keysets: [], retired: [], policy, shadow: undefined });
  const reload = async () => "unchanged" as const;
  const live = { current, profiles: () => SHIPPED, reload, onChange: () => () => {} };
  return createAccess(live, () => {}, { onConditionError() {}, onDenied() {}, onDiffers() {} });
}

const codeOf = async (work: () => unknown): Promise<string> => {
  try {
    await work();
  } catch (error) {
    return (error as Problem).code;
  }
  return "OK";
};

test("an open has its lease in milliseconds, and answers verdict, session, lease and deadline", async (t) => {
  const asked: OpenRequest[] = [];
  const { openSession } = handlers({
    async open(request) {
      asked.push(request);
      return { verification: VALID, opened: OPENED };
    },
  });
  const request = OpenSessionRequest.fromPartial({ gatewayId: "g", lease: { seconds: 5n, nanos: 500_000_000 } });
  const { verification, atDeadline, ...answer } = await openSession(request, LOOPBACK);
  t.like(asked[0], { gatewayId: "g", leaseMs: 5_500, leaseId: "" });
  t.like(verification, { valid: true, tokenId: "t", sessionDeadline: new Date(DEADLINE) });
  t.like(atDeadline, { websocketCloseCode: 4555, websocketCloseReason: "maximum connection life" });
  t.deepEqual(answer, {
    session: {
      ...{ sessionId: "5e".repeat(24), connectionId: "c", resume: Buffer.from([1, 2]), idleMax: undefined },
      ...{ openedAt: new Date(NOW), deadline: new Date(DEADLINE) },
    },
    lease: { leaseId: "l", duration: { seconds: 30n, nanos: 0 } },
    ...{ openSessions: 1, maxSessions: 3 },
  });
});

test("an open of a token that has no slot left shows what the profile says, and no session", async (t) => {
  const { openSession } = handlers({ open: async () => ({ verification: REJECTED, opened: undefined }) });
  const { verification, ...answer } = await openSession(OpenSessionRequest.fromPartial({}), LOOPBACK);
  t.is(rejectionReasonToJSON(verification?.rejection?.reason ?? 0), "REJECTION_REASON_TOO_MANY_SESSIONS");
  t.like(verification, { valid: false, rejection: { websocketCloseCode: 4429 }, sessionDeadline: undefined });
  const absent = { session: undefined, lease: undefined, atDeadline: undefined };
  t.deepEqual(answer, { ...absent, openSessions: 0, maxSessions: 0 });
});

test("an open is decided by profile, tenant and audience; only operators see a diagnosis", async (t) => {
  const open = async (rule: string, verification: object) => {
    const service = { open: async () => ({ verification: REJECTED, opened: undefined }) };
    const { openSession } = handlers(service, ruled(rule));
    return openSession(OpenSessionRequest.fromPartial({ verification }), ORDERS);
  };
  const rule = "{ methods: [OpenSession], profiles: [euler-stream] }";
  t.is((await open(rule, { profile: "euler-stream" })).verification?.diagnosis, "");
  t.is(await codeOf(() => open(rule, { profile: "hivekit" })), "PROFILE_NOT_FOUND");
  t.is(
    await codeOf(() => open("{ methods: [VerifyToken], profiles: any }", { profile: "euler-stream" })),
    "PERMISSION_DENIED",
  );
  const operator = "{ methods: [OpenSession], profiles: [euler-stream], permissions: [diagnosis] }";
  t.is((await open(operator, { profile: "euler-stream" })).verification?.diagnosis, "why");
});

test("a renewal answers the lease, whether a list is wanted, and how each session that ended is shown", async (t) => {
  const { renewSessions } = handlers({
    renew: async () => ({
      lease: OPENED.lease,
      ended: [
        { ...END, profile: HIVEKIT },
        { ...END, profile: undefined },
      ],
      listWanted: true,
      renewalId: "7",
    }),
  });
  const { lease, ended, ...answer } = await renewSessions(RenewSessionsRequest.fromPartial({}), LOOPBACK);
  t.deepEqual(lease, { leaseId: "l", duration: { seconds: 30n, nanos: 0 } });
  t.deepEqual(answer, { listWanted: true, renewalId: "7" });
  t.like(ended[0]?.rejection, {
    reason: 26,
    frame: '{"typ":"sys","act":"aut","res":"err","err":"the token was revoked"}',
  });
  t.like(ended[1]?.rejection, { reason: 26, frame: "", websocketCloseCode: 0, httpStatus: 0 });
});

test("a watch yields ends, then that it is current, and ends when the policy no longer allows it", async (t) => {
  async function* watch() {
    yield { ...END, profile: EULER };
    yield "current" as const;
  }
  const signal = new AbortController().signal;
  const changes: WatchSessionsResponse["change"][] = [];
  for await (const { change } of handlers({ watch }).watchSessions({ gatewayId: "g" }, LOOPBACK, signal))
    changes.push(change);
  t.like(changes[0], { $case: "ended", value: { sessionId: END.sessionId, rejection: { websocketCloseCode: 4401 } } });
  t.deepEqual(changes[1], { $case: "current", value: true });
  const denied = handlers({ watch }, ruled("{ methods: [RenewSessions] }"));
  const stream = denied.watchSessions({ gatewayId: "g" }, ORDERS, signal);
  t.is(await codeOf(() => stream.next()), "PERMISSION_DENIED");
});

const listed = (profile: string, tenant: string): ListedSession => ({
  ...{ sessionId: "5e".repeat(24), caller: "c", gatewayId: "g", profile, tenant, keyId: "k", openedAt: NOW },
  deadline: undefined,
});
const SESSIONS = [listed("euler-stream", ""), listed("hivekit", "acme"), listed("hivekit", "other")];

/** What a list with these rules holds. */
async function namesListed(rule: string, request: object): Promise<string[]> {
  const { listSessions } = handlers(
    {
      list: (_request, mayList) => ({
        sessions: SESSIONS.filter(({ profile, tenant }) => mayList(profile, tenant)),
        nextPageToken: "",
      }),
    },
    ruled(rule),
  );
  const { sessions } = listSessions(ListSessionsRequest.fromPartial(request), ORDERS);
  return sessions.map(({ profile, tenant }) => `${profile} ${tenant}`.trim());
}

test("a list of every profile has the sessions of those that the caller may list", async (t) => {
  t.deepEqual(await namesListed("{ methods: [ListSessions], profiles: any }", {}), [
    ...["euler-stream", "hivekit acme", "hivekit other"],
  ]);
  t.deepEqual(await namesListed("{ methods: [ListSessions], profiles: [euler-stream] }", {}), ["euler-stream"]);
});

test("a list is denied for another profile, and to whom a rule allows no list", async (t) => {
  const rule = "{ methods: [ListSessions], profiles: [euler-stream] }";
  t.is(await codeOf(() => namesListed(rule, { profile: "hivekit" })), "PROFILE_NOT_FOUND");
  t.is(await codeOf(() => namesListed("{ methods: [ListKeys] }", {})), "PERMISSION_DENIED");
});
