import test from "ava";
import { UNLIMITED } from "../../../src/access/limits/caller-limits.ts";
import { createLimits, type LimitsParts } from "../../../src/access/limits/limits.ts";
import { Problem } from "../../../src/problem/problem.ts";
import type { Profile } from "../../../src/profile/model/profile.ts";
import { callerNamed } from "../../support/caller.ts";
import { thrownProblem } from "../../support/problems.ts";

const [SHOP, GATEWAY] = [callerNamed("spiffe://example.org/shop"), callerNamed("dns:gateway.example.org")];
const NOBODY = { clientNetwork: undefined, subject: undefined };

function limitsUnderTest(parts: Partial<LimitsParts> = {}) {
  const clock = { ms: 1_000_000 };
  const limited: string[] = [];
  const limits = createLimits({
    limitsOf: () => UNLIMITED,
    liveReplicas: () => 1,
    spool: () => ({ events: 0, bytes: 0, limitBytes: 1_000_000 }),
    now: () => clock.ms,
    onLimited: (limit, profile) => limited.push(`${limit} ${profile}`),
    ...parts,
  });
  return { limits, clock, limited };
}

function metered(metering: Partial<Profile["metering"]>, name = "reactive"): Profile {
  return { name, metering: { clientIp: undefined, subject: undefined, ...metering } } as Profile;
}

/** How often something is allowed at this moment. */
function countAllowed(attempts: number, attempt: () => void): number {
  let allowed = 0;
  for (let count = 0; count < attempts; count += 1)
    try {
      attempt();
      allowed += 1;
    } catch (error) {
      if (!(error instanceof Problem) || error.code !== "RATE_LIMITED") throw error;
    }
  return allowed;
}

test("a caller has its rate under each profile, and no other caller's", (t) => {
  const rate = { perSecond: 10, burst: 5 };
  const { limits, clock, limited } = limitsUnderTest({
    limitsOf: (caller) => (caller === SHOP.name ? { ...UNLIMITED, rate } : UNLIMITED),
  });
  t.is(
    countAllowed(20, () => limits.call(SHOP, "service")),
    5,
  );
  t.is(
    countAllowed(20, () => limits.call(SHOP, "reactive")),
    5,
  );
  t.is(
    countAllowed(20, () => limits.call(SHOP, "")),
    5,
  );
  t.is(
    countAllowed(20, () => limits.call(GATEWAY, "service")),
    20,
  );
  clock.ms += 200;
  t.is(
    countAllowed(20, () => limits.call(SHOP, "service")),
    2,
  );
  t.deepEqual(new Set(limited), new Set(["caller service", "caller reactive", "caller "]));
});

test("RATE_LIMITED names the limit, what is allowed, and when to try again, to the millisecond", (t) => {
  const { limits, clock } = limitsUnderTest({ limitsOf: () => ({ ...UNLIMITED, rate: { perSecond: 3, burst: 1 } }) });
  limits.call(SHOP, "service");
  const problem = thrownProblem(() => limits.call(SHOP, "service"));
  t.like(problem, {
    code: "RATE_LIMITED",
    message: "too many: 3 a second for each caller and profile are allowed, and 1 at once",
    metadata: { limit: "caller" },
    retryAfterMs: 334,
  });
  clock.ms += 333;
  t.is(thrownProblem(() => limits.call(SHOP, "service")).retryAfterMs, 1);
  clock.ms += 1;
  t.notThrows(() => limits.call(SHOP, "service"));
});

test("each live replica enforces its part, and follows their number", (t) => {
  let replicas = 3;
  const { limits, clock } = limitsUnderTest({
    limitsOf: () => ({ rate: { perSecond: 30, burst: 9 }, callsAtOnce: 7, connections: 7 }),
    liveReplicas: () => replicas,
  });
  t.is(
    countAllowed(20, () => limits.call(SHOP, "service")),
    3,
  );
  t.is(
    countAllowed(20, () => void limits.open(SHOP)),
    2,
  );
  replicas = 1;
  clock.ms += 1_000;
  t.is(
    countAllowed(20, () => limits.call(SHOP, "service")),
    9,
  );
  t.is(
    countAllowed(20, () => void limits.open(SHOP)),
    5,
  );
});

test("calls are counted as long as they are open", (t) => {
  const { limits, limited } = limitsUnderTest({ limitsOf: () => ({ ...UNLIMITED, callsAtOnce: 2 }) });
  const close = limits.open(SHOP);
  limits.open(SHOP);
  t.like(
    thrownProblem(() => limits.open(SHOP)),
    {
      code: "RATE_LIMITED",
      message: "too many: a caller may have at most 2 calls open at once",
      metadata: { limit: "calls_at_once" },
      retryAfterMs: 1_000,
    },
  );
  t.notThrows(() => limits.open(GATEWAY));
  close();
  t.notThrows(() => limits.open(SHOP));
  t.deepEqual(limited, ["calls_at_once "]);
});

test("connections are counted as long as they are open", (t) => {
  const { limits, limited } = limitsUnderTest({ limitsOf: () => ({ ...UNLIMITED, connections: 2 }) });
  const close = limits.openConnection(SHOP);
  limits.openConnection(SHOP);
  t.like(
    thrownProblem(() => limits.openConnection(SHOP)),
    {
      code: "RATE_LIMITED",
      message: "too many: a caller may have at most 2 connections",
      metadata: { limit: "connections" },
      retryAfterMs: 1_000,
    },
  );
  t.notThrows(() => limits.openConnection(GATEWAY));
  close?.();
  t.notThrows(() => limits.openConnection(SHOP));
  t.deepEqual(limited, ["connections "]);
});

test("every caller may have one connection with one call, however many replicas there are", (t) => {
  const parts = { liveReplicas: () => 9, limitsOf: () => ({ ...UNLIMITED, callsAtOnce: 2, connections: 2 }) };
  const { limits } = limitsUnderTest(parts);
  t.is(
    countAllowed(3, () => void limits.open(SHOP)),
    1,
  );
  t.is(
    countAllowed(3, () => void limits.openConnection(SHOP)),
    1,
  );
});

test("a caller without limits may do anything any number of times", (t) => {
  const { limits } = limitsUnderTest();
  const anything = () => {
    limits.call(SHOP, "service");
    limits.open(SHOP);
    limits.openConnection(SHOP);
    limits.issue(SHOP, metered({}), { clientNetwork: "192.0.2.1", subject: "alice" });
  };
  t.is(countAllowed(1_000, anything), 1_000);
});

test("tokens are metered by the client's address and by the subject, across callers, for each profile", (t) => {
  const { limits } = limitsUnderTest();
  const profile = metered({ clientIp: { perSecond: 20, burst: 50 }, subject: { perSecond: 1, burst: 3 } });
  const issue = (clientNetwork: string, subject: string, caller = SHOP, of = profile) =>
    limits.issue(caller, of, { clientNetwork, subject });
  t.is(
    countAllowed(10, () => issue("192.0.2.1", "alice")),
    3,
  );
  t.is(
    countAllowed(10, () => issue("192.0.2.1", "alice", GATEWAY)),
    0,
  );
  t.is(
    countAllowed(10, () => issue("192.0.2.1", "alice", SHOP, metered(profile.metering, "another"))),
    3,
  );
  let subject = 0;
  t.is(
    countAllowed(60, () => issue("192.0.2.1", `viewer ${subject++}`)),
    47,
  );
  t.is(
    countAllowed(1, () => issue("192.0.2.2", "bob")),
    1,
  );
  t.is(
    countAllowed(10, () => limits.issue(SHOP, profile, NOBODY)),
    10,
  );
});

test("what one limit refuses does not count for another", (t) => {
  const { limits, limited } = limitsUnderTest();
  const profile = metered({ clientIp: { perSecond: 1, burst: 3 }, subject: { perSecond: 1, burst: 1 } });
  const issue = (subject: string) => limits.issue(SHOP, profile, { clientNetwork: "192.0.2.1", subject });
  issue("alice");
  t.is(
    countAllowed(10, () => issue("alice")),
    0,
  );
  t.is(
    countAllowed(10, () => issue("bob")),
    1,
  );
  t.is(
    countAllowed(10, () => issue("carol")),
    1,
  );
  t.is(
    countAllowed(10, () => issue("dave")),
    0,
  );
  t.deepEqual(new Set(limited), new Set(["subject reactive", "client_ip reactive"]));
});

test("a key that would need one bucket too many waits until another is full", (t) => {
  const { limits, clock } = limitsUnderTest();
  const profile = metered({ clientIp: { perSecond: 1, burst: 1 } });
  let network = 0;
  const flood = () => limits.issue(SHOP, profile, { ...NOBODY, clientNetwork: `net ${network++}` });
  t.is(countAllowed(100_050, flood), 100_000);
  t.is(thrownProblem(flood).retryAfterMs, 1_000);
  t.is(
    countAllowed(1, () => limits.issue(SHOP, profile, { ...NOBODY, clientNetwork: "net 7" })),
    0,
  );
  clock.ms += 1_000;
  t.is(countAllowed(1, flood), 1);
});

test("while the spool is nearly full, no caller takes the room of another", (t) => {
  // Room for 120 events: each of two callers has 60 in ten minutes, and ten at once.
  const { limits, clock, limited } = limitsUnderTest({
    spool: () => ({ events: 480, bytes: 800_000, limitBytes: 1_000_000 }),
  });
  const issue = (caller = SHOP) => limits.issue(caller, metered({}), NOBODY);
  t.is(countAllowed(100, issue), 100, "alone it has all of it");
  t.is(
    countAllowed(100, () => issue(GATEWAY)),
    10,
  );
  t.is(countAllowed(100, issue), 10);
  t.deepEqual(new Set(limited), new Set(["spool reactive"]));
  clock.ms += 10_000;
  t.is(countAllowed(100, issue), 1);
});
