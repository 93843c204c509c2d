import test from "ava";
import { AuditError } from "../../src/audit/event.ts";
import type { KeyValue } from "../../src/state/keyvalue.ts";
import { rejectedProblem, rejectedViolations } from "../support/problems.ts";
import { shippedProfile } from "../support/profiles/profiles.ts";
import { waitUntil } from "../support/wait-until.ts";
import {
  createWorld,
  fakeToken,
  GATEWAY,
  openRequest,
  openSessions,
  outcomeOf,
  partsOf,
  renewRequest,
  START,
} from "./sessions-under-test.ts";

test("a valid token opens as many sessions as it allows, and the next one is TOO_MANY_SESSIONS", async (t) => {
  const { open, world } = await openSessions(t);
  for (const connection of ["c1", "c2", "c3"]) t.is(await outcomeOf(open(openRequest(connection), GATEWAY)), "opened");
  t.is(await outcomeOf(open(openRequest("c4"), GATEWAY)), "TOO_MANY_SESSIONS");
  t.deepEqual(
    world.events.map(({ type }) => type),
    ["session.opened", "session.opened", "session.opened", "session.refused"],
  );
});

test("the answer has the session, its deadline, the lease and the counts", async (t) => {
  const { open } = await openSessions(t);
  const { opened } = await open(openRequest("c1"), GATEWAY);
  t.regex(opened?.session.sessionId ?? "", /^[0-9a-f]{48}$/);
  t.like(opened, {
    session: { connectionId: "c1", openedAt: START, deadline: START + 8 * 3_600_000, idleMaxMs: undefined },
    lease: { durationMs: 30_000 },
    ...{ openSessions: 1, maxSessions: 3, atDeadline: { reason: "SESSION_ENDED" } },
  });
});

test("the event of a session names the subject in clear only where the profile says so", async (t) => {
  const clear = shippedProfile("euler-stream", (text) => text.replace("audit: { ", "audit: { subject: clear, "));
  for (const [world, isClear] of [
    [createWorld(), false],
    [createWorld(clear), true],
  ] as const) {
    const { open } = await openSessions(t, world);
    await open(openRequest("c1"), GATEWAY);
    const [opened] = world.events.flatMap((event) => (event.type === "session.opened" ? [event] : []));
    t.regex(opened?.subjectHash ?? "", /^hash of ./);
    t.is(opened?.subject, isClear ? opened?.subjectHash.replace("hash of ", "") : "");
  }
});

test("an invalid token is an answer, and takes no slot", async (t) => {
  const { open, figures } = await openSessions(t);
  t.is(await outcomeOf(open(openRequest("c1", { token: "?" }), GATEWAY)), "MALFORMED");
  t.is(figures().open, 0);
});

test("the same connection again is the same session, and counts once", async (t) => {
  const { open } = await openSessions(t);
  const first = (await open(openRequest("c1"), GATEWAY)).opened;
  for (let again = 0; again < 2; again++) {
    const second = (await open(openRequest("c1", { leaseId: first?.lease.leaseId ?? "" }), GATEWAY)).opened;
    t.is(second?.session.sessionId, first?.session.sessionId);
    t.is(second?.openSessions, 1);
  }
});

test("the same connection under another token is CONNECTION_OPEN", async (t) => {
  const { open } = await openSessions(t);
  await open(openRequest("c1"), GATEWAY);
  const problem = await rejectedProblem(open(openRequest("c1", { token: fakeToken({ id: "t2" }) }), GATEWAY));
  t.is(problem.code, "CONNECTION_OPEN");
  t.regex(problem.message, /each connection needs a connection_id of its own/);
});

test("a token is used up by its first session, and the same session may be opened again", async (t) => {
  const { open, figures } = await openSessions(t);
  t.is(await outcomeOf(open(openRequest("c1", { consume: true }), GATEWAY)), "opened");
  t.is(await outcomeOf(open(openRequest("c1", { consume: true }), GATEWAY)), "opened");
  t.is(await outcomeOf(open(openRequest("c2", { consume: true }), GATEWAY)), "ALREADY_USED");
  t.is(figures().open, 1, "the slot of c2 was given back");
});

test("an event that can't be stored opens nothing, and gives the slot back", async (t) => {
  const append = async () => {
    throw new AuditError("UNAVAILABLE", "disk full");
  };
  const { open, figures } = await openSessions(t, createWorld(), { audit: { append } });
  const problem = await rejectedProblem(open(openRequest("c1"), GATEWAY));
  t.is(problem.code, "AUDIT_UNAVAILABLE");
  t.is(figures().open, 0);
});

test("a slot that answered a second call is not given back when the first call fails", async (t) => {
  const world = createWorld();
  const stuck = Promise.withResolvers<void>();
  const one = await openSessions(t, world, { audit: { append: () => stuck.promise } });
  const two = await openSessions(t, world);
  const token = fakeToken({ limit: 1 });
  const first = one.open(openRequest("c1", { token }), GATEWAY);
  await waitUntil("the slot is taken", () => two.figures().open === 1);
  t.is(await outcomeOf(two.open(openRequest("c1", { token }), GATEWAY)), "opened");
  stuck.reject(new AuditError("FULL", "disk full"));
  t.is((await rejectedProblem(first)).code, "AUDIT_FULL");
  t.is(await outcomeOf(two.open(openRequest("c2", { token }), GATEWAY)), "TOO_MANY_SESSIONS");
});

test("a profile without sessions is NO_SESSIONS, and every bad field is named", async (t) => {
  const { open, world } = await openSessions(t);
  const euler = world.profiles.get("euler-stream");
  if (euler !== undefined) world.profiles.set("euler-stream", { ...euler, sessions: undefined });
  const problem = await rejectedProblem(open(openRequest("c1"), GATEWAY));
  t.is(problem.code, "NO_SESSIONS");
  t.regex(problem.message, /VerifyToken verifies its tokens/);
  const bad = { gatewayId: "a b", connectionId: "", leaseId: "x", leaseMs: 4_999, verification: undefined };
  t.deepEqual(await rejectedViolations(open({ ...openRequest("c1"), ...bad }, GATEWAY)), {
    verification: "is required",
    gateway_id: "must be 1 to 64 characters of A-Z a-z 0-9 . _ : -",
    connection_id: "is required",
    lease_id: "must be the lease_id of an answer, or empty",
    lease: "must be from 5 s to 5 min",
  });
});

test("while a store that lost its content settles, limited profiles open nothing", async (t) => {
  const { open, world } = await openSessions(t);
  world.settling = true;
  const problem = await rejectedProblem(open(openRequest("c1"), GATEWAY));
  t.like(problem, { code: "SESSIONS_UNAVAILABLE", retryAfterMs: 5_000 });
  t.regex(problem.message, /has lost its content/);
});

test("while it is unknown whether the store lost its content, nobody is told that it did, or to wait long", async (t) => {
  const world = createWorld();
  const live = { ...partsOf(world).live, isSettling: () => true, generation: () => undefined };
  const { open } = await openSessions(t, world, { live });
  const problem = await rejectedProblem(open(openRequest("c1"), GATEWAY));
  t.like(problem, { code: "SESSIONS_UNAVAILABLE", retryAfterMs: 1_000 });
  t.regex(problem.message, /it is not known yet whether/);
});

test("a gateway that does not renew loses its slots after its lease and a second, and no sooner", async (t) => {
  const { open, tick, world, figures } = await openSessions(t);
  const renewed = await openSessions(t, world);
  for (const connection of ["c1", "c2", "c3"]) await open(openRequest(connection), GATEWAY);
  world.clock.now += 30_999;
  t.is(await outcomeOf(open(openRequest("d1", { gatewayId: "g2" }), GATEWAY)), "TOO_MANY_SESSIONS");
  world.clock.now += 1;
  t.is(await outcomeOf(open(openRequest("d2", { gatewayId: "g2" }), GATEWAY)), "opened");
  t.is(figures().open, 1);
  await tick();
  await waitUntil("the other replica knows", () => renewed.figures().open === 1);
  const closed = world.events.filter(({ type }) => type === "session.closed");
  t.is(closed.length, 3);
  t.like(closed[0], { reason: "LEASE_LAPSED", gatewayId: "g1", caller: { name: GATEWAY.name, proof: "" } });
});

test("a lease lives, whatever a server answers that is behind what was seen", async (t) => {
  const world = createWorld();
  const stale = { reads: false };
  const get: KeyValue["get"] = async (key) =>
    stale.reads && key.startsWith("lease/") ? undefined : world.store.get(key);
  const monotonic = { ms: 0 };
  const live = { ...partsOf(world).live, store: { ...world.store, get } };
  const { open, tick, figures } = await openSessions(t, world, { live, monotonic: () => monotonic.ms });
  const token = fakeToken({ limit: 1 });
  await open(openRequest("c1", { token }), GATEWAY);
  stale.reads = true;
  monotonic.ms = 31_001;
  await tick();
  t.is(await outcomeOf(open(openRequest("d1", { gatewayId: "g2", token }), GATEWAY)), "TOO_MANY_SESSIONS");
  stale.reads = false;
  await tick();
  t.is(figures().open, 0, "control: the lease had lapsed");
});

test("a refused session costs one reading of its counter, and none of leases that live", async (t) => {
  const world = createWorld();
  const asked: string[] = [];
  const get: KeyValue["get"] = (key) => {
    asked.push(key.replace(/\/.*/, ""));
    return world.store.get(key);
  };
  const update: KeyValue["update"] = async () => t.fail() as never;
  const store = { ...world.store, get, update };
  const { open } = await openSessions(t, world, { live: { ...partsOf(world).live, store } });
  const { opened } = await open(openRequest("c1", { token: fakeToken({ limit: 1 }) }), GATEWAY);
  asked.length = 0;
  const second = openRequest("c2", { token: fakeToken({ limit: 1 }), leaseId: opened?.lease.leaseId ?? "" });
  t.is(await outcomeOf(open(second, GATEWAY)), "TOO_MANY_SESSIONS");
  t.deepEqual(asked, ["counter"]);
});

test("a gateway that renews keeps its slots", async (t) => {
  const { open, renew, world } = await openSessions(t);
  const { leaseId } = await open(openRequest("c1", { token: fakeToken({ limit: 1 }) }), GATEWAY).then(
    ({ opened }) => opened?.lease ?? { leaseId: "" },
  );
  for (let round = 0; round < 5; round++) {
    world.clock.now += 29_000;
    t.is((await renew(renewRequest({ leaseId }), GATEWAY)).lease.leaseId, leaseId);
  }
  const other = openRequest("d1", { gatewayId: "g2", token: fakeToken({ limit: 1 }) });
  t.is(await outcomeOf(open(other, GATEWAY)), "TOO_MANY_SESSIONS");
});

test("a counter or a lease that can't be read, maybe of a later version, is in doubt: nothing opens", async (t) => {
  const { open, world } = await openSessions(t);
  await open(openRequest("c1"), GATEWAY);
  for (const { key, value, revision } of await world.store.list("")) {
    const damaged = (await world.store.update(key, Buffer.from("later version"), revision)) ?? 0;
    const request = openRequest("c2", { gatewayId: key.startsWith("lease") ? "g1" : "g2" });
    t.is((await rejectedProblem(open(request, GATEWAY))).code, "SESSIONS_UNAVAILABLE", key);
    await world.store.update(key, value, damaged);
  }
});
