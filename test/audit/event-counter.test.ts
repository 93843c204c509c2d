import test from "ava";
import type { AuditEvent } from "../../src/audit/event.ts";
import { createEventCounter, NOBODY } from "../../src/audit/event-counter.ts";
import { callerNamed, LOOPBACK } from "../support/caller.ts";

function makeCounter() {
  const timers: { readonly ms: number; readonly run: () => void }[] = [];
  const events: AuditEvent[] = [];
  const problems: unknown[] = [];
  const counter = createEventCounter(
    { append: async (event) => void events.push(event) },
    () => 0,
    (error) => problems.push(error),
    (ms, run) => {
      const timer = { ms, run };
      timers.push(timer);
      return () => void (timers.includes(timer) && timers.splice(timers.indexOf(timer), 1));
    },
  );
  /** Lets the time of the oldest timer come. */
  const turn = () => timers.shift()?.run();
  return { counter, events, problems, timers, turn };
}

test("the first denial of a kind is an event at once; those that follow are one count", async (t) => {
  const { counter, events } = makeCounter();
  for (let i = 0; i < 50; i += 1)
    counter.count({
      type: "token.denied",
      profile: "service",
      caller: LOOPBACK,
      reason: "INVALID_REQUEST",
      requestId: "",
    });
  const event = {
    type: "token.denied",
    profile: "service",
    caller: LOOPBACK,
    reason: "INVALID_REQUEST",
    requestId: "",
  };
  t.deepEqual(events, [{ ...event, count: 1 }] as AuditEvent[]);
  await counter.stop();
  t.deepEqual(events, [
    { ...event, count: 1 },
    { ...event, count: 49 },
  ] as AuditEvent[]);
});

test("what was counted is reported after 10 s, the next window follows at once, and silence ends it", (t) => {
  const { counter, events, timers, turn } = makeCounter();
  const deny = () =>
    counter.count({
      type: "token.denied",
      profile: "service",
      caller: LOOPBACK,
      reason: "INVALID_REQUEST",
      requestId: "",
    });
  const counts = () => events.map((event) => event.type === "token.denied" && event.count);
  for (let i = 0; i < 4; i += 1) deny();
  t.deepEqual(
    timers.map(({ ms }) => ms),
    [10_000],
  );
  turn();
  t.deepEqual(counts(), [1, 3]);
  deny();
  deny();
  t.deepEqual(counts(), [1, 3], "still counted: a window is open");
  t.deepEqual(
    timers.map(({ ms }) => ms),
    [10_000],
  );
  turn();
  t.deepEqual(counts(), [1, 3, 2]);
  turn();
  t.deepEqual(counts(), [1, 3, 2], "silence is no event");
  t.is(timers.length, 0);
  deny();
  t.deepEqual(counts(), [1, 3, 2, 1], "and the first after it is one at once");
});

test("after a stop no window turns", async (t) => {
  const { counter, timers } = makeCounter();
  counter.count({ type: "token.denied", profile: "a", caller: callerNamed("b"), reason: "c", requestId: "" });
  await counter.stop();
  t.is(timers.length, 0);
});

test("kinds differ by profile, caller and reason", async (t) => {
  const { counter, events } = makeCounter();
  for (const [profile, caller, reason] of [
    ["a", "b", "c"],
    ["a", "b", "d"],
    ["a", "c", "c"],
    ["b", "b", "c"],
  ] as const)
    counter.count({
      type: "token.denied",
      profile: profile,
      caller: callerNamed(caller),
      reason: reason,
      requestId: "",
    });
  await counter.stop();
  t.is(events.length, 4);
});

test("rejections are counted by profile and reason, each event with a sample of what it counts", async (t) => {
  const { counter, events, turn } = makeCounter();
  const expired = { type: "token.rejected", profile: "a", reason: "EXPIRED" } as const;
  const revoked = { ...expired, reason: "REVOKED" } as const;
  let made = 0;
  const sampleOf = (tokenId: string) => ({ caller: callerNamed(tokenId), keyId: "", tokenId });
  const count = (what: typeof expired | typeof revoked, tokenId: string) =>
    counter.count({
      ...what,
      sample() {
        made += 1;
        return sampleOf(tokenId);
      },
    });
  count(expired, "e1");
  count(revoked, "r1");
  for (const id of ["e2", "e3"]) count(expired, id);
  turn();
  for (const id of ["e4", "e5", "e6"]) count(expired, id);
  await counter.stop();
  t.deepEqual(events, [
    { ...expired, sample: sampleOf("e1"), count: 1 },
    { ...revoked, sample: sampleOf("r1"), count: 1 },
    { ...expired, sample: sampleOf("e2"), count: 2 },
    { ...expired, sample: sampleOf("e4"), count: 3 },
  ]);
  t.is(made, 4, "the others cost nothing");
});

test("a denial has the request's id of the first that it counts, and ids make no kinds", async (t) => {
  const { counter, events } = makeCounter();
  const denied = { type: "token.denied", profile: "a", caller: LOOPBACK, reason: "X" } as const;
  for (const requestId of ["r1", "r2", "r3"]) counter.count({ ...denied, requestId });
  await counter.stop();
  t.deepEqual(events, [
    { ...denied, requestId: "r1", count: 1 },
    { ...denied, requestId: "r2", count: 2 },
  ] as AuditEvent[]);
});

test("a log that fails is a reported problem, and no call fails", async (t) => {
  const problems: unknown[] = [];
  const failing = { append: () => Promise.reject(new Error("full")) };
  const counter = createEventCounter(
    failing,
    () => 0,
    (error) => problems.push(error),
  );
  counter.count({ type: "token.denied", profile: "a", caller: callerNamed("b"), reason: "c", requestId: "" });
  await counter.stop();
  t.is(problems.length, 1);
});

test("kinds differ by everything but the address; an event has the first address of those that it counts", async (t) => {
  const { counter, events } = makeCounter();
  const caller = { name: "dns:orders", proof: "mtls" } as const;
  const denied = {
    type: "access.denied",
    method: "IssueToken",
    profile: "service",
    reason: "PERMISSION_DENIED",
  } as const;
  for (const address of ["192.0.2.1", "192.0.2.2", "192.0.2.3"])
    counter.count({ ...denied, caller: { ...caller, address } });
  counter.count({ ...denied, method: "VerifyToken", caller: { ...caller, address: "192.0.2.1" } });
  counter.count({ ...denied, type: "admin.failed", caller: { ...caller, address: "192.0.2.1" } });
  counter.count({ ...denied, caller: { name: "", proof: "", address: "192.0.2.9" } });
  await counter.stop();
  const first = { ...denied, caller: { ...caller, address: "192.0.2.1" } };
  t.deepEqual(events, [
    { ...first, count: 1 },
    { ...first, method: "VerifyToken", count: 1 },
    { ...first, type: "admin.failed", count: 1 },
    { ...denied, caller: { name: "", proof: "", address: "192.0.2.9" }, count: 1 },
    { ...first, caller: { ...caller, address: "192.0.2.2" }, count: 2 },
  ] as AuditEvent[]);
});

test("beyond ten thousand kinds at once, callers are counted together", async (t) => {
  const { counter, events, timers } = makeCounter();
  const denied = { type: "access.denied", method: "IssueToken", profile: "", reason: "PERMISSION_DENIED" } as const;
  for (let index = 0; index < 10_050; index += 1)
    counter.count({ ...denied, caller: callerNamed(`jwt:corp:${index}`) });
  t.is(timers.length, 10_001);
  t.deepEqual(events.at(-1), { ...denied, caller: NOBODY, count: 1 } as AuditEvent);
  counter.count({ ...denied, caller: callerNamed("jwt:corp:7") });
  await counter.stop();
  t.deepEqual(events.slice(10_001), [
    { ...denied, caller: callerNamed("jwt:corp:7"), count: 1 },
    { ...denied, caller: NOBODY, count: 49 },
  ] as AuditEvent[]);
});
