import test from "ava";
import { createDenialCounter } from "../../src/audit/denials.ts";
import type { AuditEvent } from "../../src/audit/event.ts";

function makeDenials() {
  const timers: { readonly ms: number; readonly run: () => void }[] = [];
  const events: AuditEvent[] = [];
  const problems: unknown[] = [];
  const denials = createDenialCounter(
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
  return { denials, events, problems, timers, turn };
}

test("the first denial of a kind is an event at once; those that follow are one count", async (t) => {
  const { denials, events } = makeDenials();
  for (let i = 0; i < 50; i += 1) denials.count("service", "loopback", "INVALID_REQUEST");
  const event = { type: "token.denied", profile: "service", caller: "loopback", reason: "INVALID_REQUEST" };
  t.deepEqual(events, [{ ...event, count: 1 }] as AuditEvent[]);
  await denials.stop();
  t.deepEqual(events, [
    { ...event, count: 1 },
    { ...event, count: 49 },
  ] as AuditEvent[]);
});

test("what was counted is reported after 10 s, the next window follows at once, and silence ends it", (t) => {
  const { denials, events, timers, turn } = makeDenials();
  const deny = () => denials.count("service", "loopback", "INVALID_REQUEST");
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
  const { denials, timers } = makeDenials();
  denials.count("a", "b", "c");
  await denials.stop();
  t.is(timers.length, 0);
});

test("kinds differ by profile, caller and reason", async (t) => {
  const { denials, events } = makeDenials();
  for (const [profile, caller, reason] of [
    ["a", "b", "c"],
    ["a", "b", "d"],
    ["a", "c", "c"],
    ["b", "b", "c"],
  ] as const)
    denials.count(profile, caller, reason);
  await denials.stop();
  t.is(events.length, 4);
});

test("a log that fails is a reported problem, and no call fails", async (t) => {
  const problems: unknown[] = [];
  const failing = { append: () => Promise.reject(new Error("full")) };
  const denials = createDenialCounter(
    failing,
    () => 0,
    (error) => problems.push(error),
  );
  denials.count("a", "b", "c");
  await denials.stop();
  t.is(problems.length, 1);
});
