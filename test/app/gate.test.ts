import test from "ava";
import { createGate } from "../../src/app/gate.ts";
import type { Occurrence } from "../../src/audit/event-counter.ts";
import { unauthenticated } from "../../src/callers/identify.ts";
import { Problem } from "../../src/problem/problem.ts";
import { callerNamed, OPEN_GATE } from "../support/caller.ts";

/** A gate, and what it counted. `check` is what becomes of a token. */
function counting(check: () => ReturnType<typeof OPEN_GATE.identify>) {
  const counted: Occurrence[] = [];
  const counter = { count: (one: Occurrence) => void counted.push(one), stop: () => Promise.resolve() };
  const metrics: string[] = [];
  const measured = { accessDenied: (method: string, reason: string) => void metrics.push(`${method}:${reason}`) };
  return { gate: createGate(check, OPEN_GATE.access, OPEN_GATE, counter, measured), counted, metrics };
}

const TLS = { kind: "none", transport: "tls", address: "192.0.2.9" } as const;
const denied = {
  type: "access.denied",
  method: "",
  profile: "",
  caller: { name: "", proof: "", address: "192.0.2.9" },
  reason: "UNAUTHENTICATED",
} as const;

test("a call without a proof, or with a bad one, is counted as denied, with its address", async (t) => {
  const { gate, counted, metrics } = counting(() => Promise.reject(unauthenticated("the token is expired")));
  t.throws(() => gate.identify(TLS, []), { instanceOf: Problem });
  t.deepEqual(counted, [denied]);
  await t.throwsAsync(async () => gate.identify(TLS, ["Bearer x"]), { message: "the token is expired" });
  t.deepEqual(counted, [denied, denied]);
  t.deepEqual(metrics, [":UNAUTHENTICATED", ":UNAUTHENTICATED"]);
});

test("a proven caller is not counted, nor one whose issuer can't be reached", async (t) => {
  const unreachable = new Problem("KEYS_UNAVAILABLE", "the keys can't be read");
  const { gate, counted } = counting(() => Promise.reject(unreachable));
  t.like(await gate.identify({ ...TLS, transport: "loopback" }, []), { name: "loopback" });
  await t.throwsAsync(async () => gate.identify(TLS, ["Bearer x"]), { is: unreachable });
  t.deepEqual(counted, []);
});

test("each call and connection too many is counted as denied, with its caller", (t) => {
  const limited = new Problem("RATE_LIMITED", "too many");
  const refuse = () => {
    throw limited;
  };
  const counted: Occurrence[] = [];
  const counter = { count: (one: Occurrence) => void counted.push(one), stop: () => Promise.resolve() };
  const unmeasured = { accessDenied: () => {} };
  const full = createGate(refuse, OPEN_GATE.access, { open: refuse, openConnection: refuse }, counter, unmeasured);
  const caller = callerNamed("dns:a");
  t.throws(() => full.open(caller), { is: limited });
  t.throws(() => full.openConnection(caller), { is: limited });
  const event = { type: "access.denied", method: "", profile: "", caller, reason: "RATE_LIMITED" } as const;
  t.deepEqual(counted, [event, event]);
  const open = createGate(refuse, OPEN_GATE.access, OPEN_GATE, counter, unmeasured);
  open.open(caller)();
  open.openConnection(caller);
  t.is(counted.length, 2, "and none that is let in");
});
