import test from "ava";
import { createAccess } from "../../src/access/access.ts";
import type { LiveRuleSet } from "../../src/access/live-rule-set.ts";
import type { Question } from "../../src/access/question.ts";
import type { RuleSet } from "../../src/access/rule-set.ts";
import { Problem } from "../../src/problem/problem.ts";
import { callerOf, ORDERS, policyOf, SHIPPED, withRules } from "../support/access/policies.ts";

const VERIFY = "{ methods: [VerifyToken], profiles: [service] }";
const LIST = "{ methods: [ListKeys] }";
const verify: Question = { method: "VerifyToken", profile: "service", audience: ["api"] };

/** Access by a policy and one beside it, and what was reported. */
function deciding(policy: string, shadow?: string, count: Parameters<typeof createAccess>[1] = () => {}) {
  const reports: unknown[] = [];
  const rules: RuleSet = {
    profiles: SHIPPED,
    keysets: [],
    retired: [],
    policy: policyOf(policy),
    shadow: shadow === undefined ? undefined : policyOf(shadow),
  };
  const live: LiveRuleSet = {
    current: () => rules,
    profiles: () => SHIPPED,
    reload: async () => "unchanged",
    onChange: () => () => {},
  };
  const access = createAccess(live, count, {
    onConditionError: ({ place }) => reports.push(["condition", place]),
    onDenied: ({ name }, { method }, { code }) => reports.push(["denied", name, method, code]),
    onDiffers: (difference, group, { name }, { method }) => reports.push([difference, group, name, method]),
  });
  return { access, reports };
}

function problemOf(work: () => void): Partial<Problem> {
  try {
    work();
  } catch (error) {
    const { code, message, violations } = error as Problem;
    return { code, message, violations };
  }
  throw new Error("nothing was refused");
}

test("a request that can't be read is denied where no rule has its method, and else counts without a profile", (t) => {
  const counted: string[] = [];
  const { access, reports } = deciding(withRules(VERIFY), undefined, (caller, profile) => {
    if (counted.length === 1) throw new Problem("RATE_LIMITED", "too many");
    counted.push(`${caller.name} ${profile}`);
  });
  const denied = problemOf(() => access.admitMalformed(ORDERS, "IssueToken"));
  t.like(denied, { code: "PERMISSION_DENIED", message: "the policy does not allow IssueToken to this caller" });
  access.admitMalformed(ORDERS, "VerifyToken");
  t.deepEqual(counted, [`${ORDERS.name} `]);
  t.is(problemOf(() => access.admitMalformed(ORDERS, "VerifyToken")).code, "RATE_LIMITED");
  t.deepEqual(reports, [
    ["denied", ORDERS.name, "IssueToken", "PERMISSION_DENIED"],
    ["denied", ORDERS.name, "VerifyToken", "RATE_LIMITED"],
  ]);
});

test("what is allowed is counted under a profile that exists, and refused and reported where it is too much", (t) => {
  const counted: string[] = [];
  let left = 2;
  const { access, reports } = deciding(
    withRules("{ methods: [VerifyToken], profiles: any }", LIST),
    undefined,
    (caller, profile) => {
      if (left === 0) throw new Problem("RATE_LIMITED", "too many");
      left -= 1;
      counted.push(`${caller.name} ${profile}`);
    },
  );
  access.admit(ORDERS, verify);
  access.admit(ORDERS, { ...verify, profile: "a-name-of-its-own" });
  t.throws(() => access.admit(ORDERS, { method: "RotateKeys" }), { message: /does not allow RotateKeys/ });
  t.deepEqual(counted, [`${ORDERS.name} service`, `${ORDERS.name} `]);
  t.like(
    problemOf(() => access.admit(ORDERS, { method: "ListKeys" })),
    { code: "RATE_LIMITED" },
  );
  t.deepEqual(reports, [
    ["denied", ORDERS.name, "RotateKeys", "PERMISSION_DENIED"],
    ["denied", ORDERS.name, "ListKeys", "RATE_LIMITED"],
  ]);
});

test("what is allowed is let pass and not reported; what is denied is reported before it is refused", (t) => {
  const { access, reports } = deciding(withRules(VERIFY));
  t.notThrows(() => access.admit(ORDERS, verify));
  t.true(access.allows(ORDERS, verify));
  t.deepEqual(reports, []);
  t.like(
    problemOf(() => access.admit(ORDERS, { method: "ListKeys" })),
    { code: "PERMISSION_DENIED", message: "the policy does not allow ListKeys to this caller" },
  );
  t.like(
    problemOf(() => access.admit(ORDERS, { ...verify, needs: ["diagnosis"] })),
    { code: "PERMISSION_DENIED", message: "the policy does not allow this VerifyToken to this caller" },
  );
  t.deepEqual(reports, [
    ["denied", ORDERS.name, "ListKeys", "PERMISSION_DENIED"],
    ["denied", ORDERS.name, "VerifyToken", "PERMISSION_DENIED"],
  ]);
  t.false(access.allows(ORDERS, { method: "ListKeys" }));
  t.is(reports.length, 2, "a question alone is not recorded");
});

test("a profile that is not allowed and one that does not exist get the same answer", (t) => {
  const { access } = deciding(withRules(VERIFY));
  const [forbidden, unknown] = ["hivekit", "nothing"].map((profile) =>
    problemOf(() => access.admit(ORDERS, { ...verify, profile })),
  );
  t.is(forbidden?.code, "PROFILE_NOT_FOUND");
  t.deepEqual(forbidden, unknown);
  t.is(problemOf(() => access.admit(ORDERS, { ...verify, profile: "" })).code, "INVALID_REQUEST");
});

test("the shadow policy changes nothing; what it decides differently is reported with the group that allows it", (t) => {
  const shadow = withRules(LIST).replace("orders:", "shop:");
  const { access, reports } = deciding(withRules(VERIFY), shadow);
  t.notThrows(() => access.admit(ORDERS, verify));
  t.is(problemOf(() => access.admit(ORDERS, { method: "ListKeys" })).code, "PERMISSION_DENIED");
  t.is(problemOf(() => access.admit(callerOf("dns:other"), verify)).code, "PERMISSION_DENIED");
  t.deepEqual(reports, [
    ["would_deny", "orders", ORDERS.name, "VerifyToken"],
    ["would_allow", "shop", ORDERS.name, "ListKeys"],
    ["denied", ORDERS.name, "ListKeys", "PERMISSION_DENIED"],
    ["denied", "dns:other", "VerifyToken", "PERMISSION_DENIED"],
  ]);
});

test("a policy beside itself never differs", (t) => {
  const { access, reports } = deciding(withRules(VERIFY), withRules(VERIFY));
  access.admit(ORDERS, verify);
  problemOf(() => access.admit(ORDERS, { method: "ListKeys" }));
  t.deepEqual(reports, [["denied", ORDERS.name, "ListKeys", "PERMISSION_DENIED"]]);
});

test("a condition that fails is reported for the policy in force alone", (t) => {
  const failing = withRules(`{ methods: [ListKeys], when: "request.claims.a" }`);
  const { access, reports } = deciding(failing, failing.replace("orders:", "shop:"));
  problemOf(() => access.admit(ORDERS, { method: "ListKeys", claims: { a: 1 } }));
  t.deepEqual(reports, [
    ["condition", "groups.orders.rules[0]"],
    ["denied", ORDERS.name, "ListKeys", "PERMISSION_DENIED"],
  ]);
});
