import test from "ava";
import { limitsByCaller, UNLIMITED } from "../../../src/access/limits/caller-limits.ts";
import { parsePolicy } from "../../../src/access/policy-file.ts";
import { policyOf } from "../../support/access/policies.ts";

test("a caller has the limits of its group, and others have none", (t) => {
  const { limitsOf } = policyOf(`
groups:
  shop:
    callers: [dns:shop]
    limits: { calls: { per_second: 100, burst: 200 }, calls_at_once: 50, connections: 8 }
    rules: [{ methods: [GetJwks] }]
  gateway:
    callers: [dns:gateway]
    rules: [{ methods: [GetJwks] }]
`);
  t.deepEqual(limitsOf("dns:shop"), { rate: { perSecond: 100, burst: 200 }, callsAtOnce: 50, connections: 8 });
  t.deepEqual(limitsOf("dns:gateway"), UNLIMITED);
  t.deepEqual(limitsOf("dns:unknown"), UNLIMITED);
});

test("of a caller in several groups each limit is the strictest", (t) => {
  const limitsOf = limitsByCaller([
    { callers: ["a", "b"], limits: { calls: { per_second: 10, burst: 50 }, calls_at_once: 5 } },
    { callers: ["a"], limits: { calls: { per_second: 20, burst: 30 } } },
    { callers: ["a", "b"] },
    { callers: ["b"], limits: { calls_at_once: 9, connections: 4 } },
    { callers: ["b"], limits: { connections: 3 } },
  ]);
  t.deepEqual(limitsOf("a"), { rate: { perSecond: 10, burst: 30 }, callsAtOnce: 5, connections: undefined });
  t.deepEqual(limitsOf("b"), { rate: { perSecond: 10, burst: 50 }, callsAtOnce: 5, connections: 3 });
});

for (const [what, limits, fault] of [
  ["of nothing", "{}", /groups\.shop\.limits: must NOT have fewer than 1 properties/],
  ["without a burst", "{ calls: { per_second: 1 } }", /groups\.shop\.limits\.calls\.burst: is required/],
  ["that allow nothing", "{ calls_at_once: 0 }", /groups\.shop\.limits\.calls_at_once: must be >= 1/],
  ["that allow no connection", "{ connections: 0 }", /groups\.shop\.limits\.connections: must be >= 1/],
] as const)
  test(`limits ${what} are a fault`, (t) => {
    const text = `groups: { shop: { callers: [dns:shop], limits: ${limits}, rules: [{ methods: [GetJwks] }] } }`;
    const file = parsePolicy(text, "policy.yaml");
    t.regex(JSON.stringify(Array.isArray(file) ? file.map(({ path, message }) => `${path}: ${message}`) : []), fault);
  });
