import test from "ava";
import { countDenials } from "../../src/audit/denials.ts";
import type { Happening } from "../../src/audit/event.ts";

function makeDenials() {
  const events: Happening[] = [];
  const problems: unknown[] = [];
  const denials = countDenials(
    { append: async (event) => void events.push(event) },
    () => 0,
    (error) => problems.push(error),
  );
  return { denials, events, problems };
}

test("the first denial of a kind is an event at once; those that follow are one count", async (t) => {
  const { denials, events } = makeDenials();
  for (let i = 0; i < 50; i += 1) denials.denied("service", "loopback", "INVALID_REQUEST");
  const event = { type: "token.denied", profile: "service", caller: "loopback", reason: "INVALID_REQUEST" };
  t.deepEqual(events, [{ ...event, count: 1 }] as Happening[]);
  await denials.stop();
  t.deepEqual(events, [
    { ...event, count: 1 },
    { ...event, count: 49 },
  ] as Happening[]);
});

test("kinds differ by profile, caller and reason", async (t) => {
  const { denials, events } = makeDenials();
  for (const [profile, caller, reason] of [
    ["a", "b", "c"],
    ["a", "b", "d"],
    ["a", "c", "c"],
    ["b", "b", "c"],
  ] as const)
    denials.denied(profile, caller, reason);
  await denials.stop();
  t.is(events.length, 4);
});

test("a log that fails is a problem to tell and hurts nobody", async (t) => {
  const problems: unknown[] = [];
  const failing = { append: () => Promise.reject(new Error("full")) };
  const denials = countDenials(
    failing,
    () => 0,
    (error) => problems.push(error),
  );
  denials.denied("a", "b", "c");
  await denials.stop();
  t.is(problems.length, 1);
});
