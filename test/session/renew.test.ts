import test, { type ExecutionContext } from "ava";
import type { HeldSession, SessionPage } from "../../src/session/service.ts";
import { StateError } from "../../src/state/keyvalue.ts";
import { createMemoryKeyValue } from "../../src/state/memory.ts";
import { rejectedProblem, rejectedViolations } from "../support/problems.ts";
import { digestOf } from "../support/sessions/obedient-gateway.ts";
import { waitUntil } from "../support/wait-until.ts";
import {
  createWorld,
  fakeToken,
  GATEWAY,
  openRequest,
  openSessions,
  outcomeOf,
  partsOf,
  type ReplicaUnderTest,
  renewRequest,
} from "./sessions-under-test.ts";

/** A gateway that holds the connections under one lease. */
async function gatewayWith(replica: ReplicaUnderTest, connections: readonly string[]) {
  const { lease } = await replica.renew(renewRequest(), GATEWAY);
  const { leaseId } = lease;
  const held = [];
  for (const connection of connections) {
    const { opened } = await replica.open(openRequest(connection, { leaseId }), GATEWAY);
    if (opened !== undefined) held.push(opened.session);
  }
  held.sort((one, other) => (one.sessionId < other.sessionId ? -1 : 1));
  return { leaseId, held };
}

/** Renews, and again with a page of these sessions: of all, unless `page` says which. */
async function list(
  replica: ReplicaUnderTest,
  leaseId: string,
  sessions: readonly HeldSession[],
  page: Partial<SessionPage> = {},
  gatewayId = "g1",
) {
  const held = { gatewayId, leaseId, ...countAndDigest(sessions) };
  const { renewalId } = await replica.renew(renewRequest(held), GATEWAY);
  const whole = { after: "", last: true, sessions, renewalId, ...page };
  return replica.renew(renewRequest({ ...held, page: whole }), GATEWAY);
}

const countAndDigest = (held: readonly { readonly sessionId: string }[]) => ({
  sessionCount: held.length,
  digest: digestOf(held.map(({ sessionId }) => sessionId)),
});

test("a renewal of the sessions that are known is one write, and no list is wanted", async (t) => {
  const replica = await openSessions(t);
  const { leaseId, held } = await gatewayWith(replica, ["c1", "c2"]);
  const before = (await replica.world.store.list("")).map(({ revision }) => revision);
  const answer = await replica.renew(renewRequest({ leaseId, ...countAndDigest(held) }), GATEWAY);
  t.like(answer, { lease: { leaseId, durationMs: 30_000 }, ended: [], listWanted: false });
  const after = (await replica.world.store.list("")).map(({ revision }) => revision);
  t.is(after.filter((revision) => !before.includes(revision)).length, 1);
});

test("a lease that a late request has replaced counts until it would have lapsed, over further ones too", async (t) => {
  const { open, renew, world } = await openSessions(t);
  const token = fakeToken({ limit: 1 });
  const { leaseId } = (await renew(renewRequest(), GATEWAY)).lease;
  await open(openRequest("c1", { token, leaseId }), GATEWAY);
  world.clock.now += 10_000;
  t.not((await renew(renewRequest({ leaseMs: 5_000 }), GATEWAY)).lease.leaseId, leaseId);
  world.clock.now += 5_000;
  await renew(renewRequest({ leaseMs: 5_000 }), GATEWAY);
  world.clock.now += 15_999;
  const other = () => open(openRequest(`d${world.clock.now}`, { gatewayId: "g2", token }), GATEWAY);
  t.is(await outcomeOf(other()), "TOO_MANY_SESSIONS");
  world.clock.now += 1;
  const { opened } = await other();
  t.is(opened?.openSessions, 1);
});

test("a lease that begins when the one before has lapsed leaves it no time", async (t) => {
  const { open, renew, world } = await openSessions(t);
  const token = fakeToken({ limit: 1 });
  const { leaseId } = (await renew(renewRequest(), GATEWAY)).lease;
  await open(openRequest("c1", { token, leaseId }), GATEWAY);
  world.clock.now += 31_000;
  const begun = (await renew(renewRequest(), GATEWAY)).lease.leaseId;
  t.is(await outcomeOf(open(openRequest("c2", { token, leaseId: begun }), GATEWAY)), "opened");
});

test("what has closed is freed, and its event names the gateway and the reason", async (t) => {
  const replica = await openSessions(t);
  const { leaseId, held } = await gatewayWith(replica, ["c1", "c2"]);
  const [first, ...left] = held;
  const closedSessionIds = [first?.sessionId ?? ""];
  const answer = await replica.renew(renewRequest({ leaseId, closedSessionIds, ...countAndDigest(left) }), GATEWAY);
  t.false(answer.listWanted);
  t.is(replica.figures().open, 1);
  t.like(replica.world.events.at(-1), { type: "session.closed", reason: "CLOSED", gatewayId: "g1", caller: GATEWAY });
});

test("nobody closes the sessions of another caller or gateway", async (t) => {
  const replica = await openSessions(t);
  const { held } = await gatewayWith(replica, ["c1"]);
  const sessionIds = held.map(({ sessionId }) => sessionId);
  await replica.close({ gatewayId: "g2", sessionIds }, GATEWAY);
  await replica.close({ gatewayId: "g1", sessionIds }, { ...GATEWAY, name: "spiffe://test/other" });
  t.is(replica.figures().open, 1);
  await replica.close({ gatewayId: "g1", sessionIds }, GATEWAY);
  t.is(replica.figures().open, 0);
});

test("a session that is not listed is closed, unless it was opened less than a lease ago", async (t) => {
  const replica = await openSessions(t);
  const { leaseId, held } = await gatewayWith(replica, ["c1", "c2"]);
  const [first] = held;
  const sessions = first === undefined ? [] : [first];
  t.true((await replica.renew(renewRequest({ leaseId, ...countAndDigest(sessions) }), GATEWAY)).listWanted);
  await list(replica, leaseId, sessions);
  t.is(replica.figures().open, 2, "its open may not be answered yet");
  replica.world.clock.now += 29_000;
  await list(replica, leaseId, sessions);
  replica.world.clock.now += 2_000;
  await list(replica, leaseId, sessions);
  t.is(replica.figures().open, 1);
  t.like(replica.world.events.at(-1), { type: "session.closed", reason: "NOT_HELD" });
});

test("pages settle their own range alone", async (t) => {
  const replica = await openSessions(t);
  const { leaseId, held } = await gatewayWith(replica, ["c1", "c2", "c3"]);
  replica.world.clock.now += 29_000;
  await replica.renew(renewRequest({ leaseId, ...countAndDigest(held) }), GATEWAY);
  replica.world.clock.now += 2_000;
  const [first, second, third] = held;
  if (first === undefined || second === undefined || third === undefined) return t.fail();
  const { renewalId } = await list(replica, leaseId, held, { last: false, sessions: [second] });
  t.is(replica.figures().open, 2, "the first was not listed, the third is beyond the page");
  const last = { after: second.sessionId, last: true, sessions: [], renewalId };
  await replica.renew(renewRequest({ leaseId, ...countAndDigest(held), page: last }), GATEWAY);
  t.is(replica.figures().open, 1);
});

test("a page that comes after a later renewal closes nothing, however late it is, and a list is wanted again", async (t) => {
  const replica = await openSessions(t);
  const { leaseId, held: before } = await gatewayWith(replica, ["c1"]);
  const { renewalId } = await replica.renew(renewRequest({ leaseId, ...countAndDigest(before) }), GATEWAY);
  const page = { after: "", last: true, sessions: before, renewalId };
  const late = renewRequest({ leaseId, ...countAndDigest(before), page });
  // The gateway has given it up, renews at another replica, and opens one more.
  const { opened } = await replica.open(openRequest("c2", { leaseId }), GATEWAY);
  const held = opened === undefined ? before : [...before, opened.session];
  for (const ms of [20_000, 20_000]) {
    replica.world.clock.now += ms;
    t.is((await replica.renew(renewRequest({ leaseId, ...countAndDigest(held) }), GATEWAY)).listWanted, false);
  }
  t.true((await replica.renew(late, GATEWAY)).listWanted);
  t.is(replica.figures().open, 2);
  // Control: the same list at its time.
  await list(replica, leaseId, before);
  t.is(replica.figures().open, 1);
});

test("a listed session that does not exist has ended", async (t) => {
  const replica = await openSessions(t);
  const { leaseId } = await gatewayWith(replica, []);
  const sessionId = "ab".repeat(24);
  const { ended } = await list(replica, leaseId, [{ sessionId, resume: Buffer.from("?") }]);
  t.like(ended, [{ sessionId, rejection: { reason: "SESSION_ENDED" } }]);
});

/** A replica whose store has lost everything, and the gateway that holds sessions of the one before. */
async function afterLoss(t: ExecutionContext, settling: boolean) {
  const before = await openSessions(t);
  const { leaseId, held } = await gatewayWith(before, ["c1", "c2", "c3"]);
  const { clock } = before.world;
  const world = {
    ...createWorld(
      undefined,
      createMemoryKeyValue(() => clock.now),
    ),
    clock,
    settling,
  };
  const replica = await openSessions(t, world);
  const answer = await list(replica, leaseId, held);
  return { replica, world, answer, leaseId };
}

test("while a store settles, gateways put back lease and sessions, and then the limit holds again", async (t) => {
  const { replica, world, answer, leaseId } = await afterLoss(t, true);
  t.is(answer.lease.leaseId, leaseId);
  t.deepEqual(answer.ended, []);
  t.is(replica.figures().open, 3);
  world.settling = false;
  t.is(await outcomeOf(replica.open(openRequest("c4", { leaseId }), GATEWAY)), "TOO_MANY_SESSIONS");
});

test("a lost store settles for the longest lease that was seen, though the lease was lost with it", async (t) => {
  const world = createWorld();
  const lost = new AbortController();
  async function* watch(prefix: string, signal: AbortSignal) {
    if (lost.signal.aborted) return yield* createMemoryKeyValue(() => world.clock.now).watch(prefix, signal);
    yield* world.store.watch(prefix, AbortSignal.any([signal, lost.signal]));
    if (!signal.aborted) throw new StateError("LOST", "it is gone");
  }
  const asked: number[] = [];
  const isSettling = (ms: number) => asked.push(ms) > 0;
  const live = { ...partsOf(world).live, store: { ...world.store, watch }, isSettling };
  const replica = await openSessions(t, world, { live });
  await replica.renew(renewRequest({ leaseMs: 300_000 }), GATEWAY);
  t.is(replica.figures().gateways, 1);
  lost.abort();
  await waitUntil("the new store is read", () => replica.isCurrent() && replica.figures().gateways === 0);
  asked.length = 0;
  await rejectedProblem(replica.open(openRequest("c1"), GATEWAY));
  t.deepEqual([...new Set(asked)], [300_000]);
});

test("after it has settled nothing is put back: another lease begins", async (t) => {
  const { replica, answer, leaseId } = await afterLoss(t, false);
  t.not(answer.lease.leaseId, leaseId);
  t.is(replica.figures().open, 0);
});

test("a session is put back only by its own gateway and under its own lease", async (t) => {
  const before = await openSessions(t);
  const { held } = await gatewayWith(before, ["c1"]);
  const world = { ...createWorld(), settling: true };
  const replica = await openSessions(t, world);
  const leaseId = "00000000000000ff";
  for (const gatewayId of ["g1", "g2"]) {
    const { ended } = await list(replica, leaseId, held, {}, gatewayId);
    t.is(ended[0]?.rejection.reason, "SESSION_ENDED");
  }
  t.is(replica.figures().open, 0);
});

test("every bad field of a renewal is named", async (t) => {
  const { renew } = await openSessions(t);
  const [low, high] = ["aa".repeat(24), "bb".repeat(24)];
  const page = {
    ...{ after: "x", last: false, renewalId: "" },
    sessions: [high, low].map((sessionId) => ({ sessionId, resume: Buffer.alloc(0) })),
  };
  const bad = { gatewayId: "", closedSessionIds: ["x"], sessionCount: -1, digest: Buffer.alloc(15), page };
  const order = "must be a session_id: 48 lower-case hexadecimal digits, greater than the one before";
  t.deepEqual(await rejectedViolations(renew(renewRequest(bad), GATEWAY)), {
    gateway_id: "is required",
    "closed_session_ids[0]": "must be a session_id: 48 lower-case hexadecimal digits",
    session_count: "must not be negative",
    digest: "must have 16 bytes, zeros for no session",
    "page.after": "must be a session_id: 48 lower-case hexadecimal digits",
    "page.renewal_id": "is required",
    "page.sessions[0].session_id": order,
    "page.sessions[1].session_id": order,
  });
});

test("what another replica opened is not closed because this one has not seen it yet", async (t) => {
  const world = createWorld();
  const one = await openSessions(t, world);
  const two = await openSessions(t, world);
  const { leaseId, held } = await gatewayWith(one, ["c1", "c2"]);
  const { renewalId } = await one.renew(renewRequest({ leaseId, ...countAndDigest(held) }), GATEWAY);
  const page = { after: "", last: true, sessions: held, renewalId };
  const { ended } = await two.renew(renewRequest({ leaseId, ...countAndDigest(held), page }), GATEWAY);
  t.deepEqual(ended, []);
  await waitUntil("it sees them", () => two.figures().open === 2);
  t.deepEqual(two.figures(), { open: 2, gateways: 1 });
});

test("a revoked token, subject or key ends its sessions, until their gateway has closed them", async (t) => {
  const replica = await openSessions(t);
  const { world, renew, open, close } = replica;
  const { leaseId } = (await renew(renewRequest(), GATEWAY)).lease;
  const [byToken, bySubject, byKey, other] = [
    fakeToken({ id: "t1", subject: "s1", kid: "k1" }),
    fakeToken({ id: "t2", subject: "s2", kid: "k2" }),
    fakeToken({ id: "t3", subject: "s3", kid: "k3" }),
    fakeToken({ id: "t4", subject: "s4", kid: "k4" }),
  ];
  const ids: string[] = [];
  for (const [at, token] of [byToken, bySubject, byKey, other].entries())
    ids.push((await open(openRequest(`c${at}`, { token, leaseId }), GATEWAY)).opened?.session.sessionId ?? "");
  const common = { profile: "euler-stream", tenant: "", at: world.clock.now, until: world.clock.now + 60_000 };
  const hashed = { kind: "subject", subjectHash: "hash of s2", hashedUnder: "", ...common } as const;
  for (const listener of world.listeners) {
    listener({ kind: "token", tokenId: "t1", ...common });
    listener({ ...hashed, issuedBefore: world.clock.now / 1000 });
    listener({ ...hashed, subjectHash: "hash of s4", issuedBefore: world.clock.now / 1000 - 3_600 });
  }
  world.revokedKeys.add("k3");
  const ends = async () => (await renew(renewRequest({ leaseId, sessionCount: 4 }), GATEWAY)).ended;
  await waitUntil("three have ended", async () => (await ends()).length === 3);
  const reasons = Object.fromEntries((await ends()).map(({ sessionId, rejection }) => [sessionId, rejection.reason]));
  const [first = "", second = "", third = ""] = ids;
  t.deepEqual(reasons, { [first]: "REVOKED", [second]: "REVOKED", [third]: "KEY_REVOKED" });
  t.is((await ends())[0]?.profile?.name, "euler-stream");
  await close({ gatewayId: "g1", sessionIds: [first] }, GATEWAY);
  t.like(world.events.at(-1), { type: "session.closed", reason: "REVOKED" });
  t.is((await ends()).length, 2);
});

test("a session that is opened after its token was revoked has ended at once", async (t) => {
  const { world, renew, open, tick } = await openSessions(t);
  const times = { at: world.clock.now, until: world.clock.now + 60_000 };
  for (const listener of world.listeners)
    listener({ kind: "token", profile: "euler-stream", tenant: "", tokenId: "t1", ...times });
  await tick();
  const leaseId = (await open(openRequest("c1"), GATEWAY)).opened?.lease.leaseId ?? "";
  await waitUntil("it has ended", async () => (await renew(renewRequest({ leaseId }), GATEWAY)).ended.length === 1);
  t.pass();
});

test("a session past its deadline has ended by the monotonic clock, and a minute before it has not", async (t) => {
  const monotonic = { ms: 0 };
  const replica = await openSessions(t, createWorld(), { monotonic: () => monotonic.ms });
  const { leaseId } = await gatewayWith(replica, ["c1"]);
  const ends = async () => {
    await replica.tick();
    return (await replica.renew(renewRequest({ leaseId, sessionCount: 1 }), GATEWAY)).ended;
  };
  replica.world.clock.now += 24 * 3_600_000;
  t.deepEqual(await ends(), [], "the wall clock was set");
  for (let at = 0; at < 8 * 3_600_000; at += 20_000) {
    monotonic.ms = at;
    await replica.renew(renewRequest({ leaseId }), GATEWAY);
  }
  t.deepEqual(await ends(), []);
  monotonic.ms = 8 * 3_600_000 + 10_001;
  t.like(await ends(), [{ rejection: { reason: "SESSION_ENDED" } }]);
});

test("keys that can't be read end nothing, and keep no lapsed lease from being swept", async (t) => {
  const keysOf = () => {
    throw new Error("damaged");
  };
  const replica = await openSessions(t, createWorld(), { keysOf });
  await gatewayWith(replica, ["c1"]);
  await replica.tick();
  t.is(replica.figures().open, 1);
  replica.world.clock.now += 31_001;
  await replica.tick();
  t.is(replica.figures().open, 0);
});
