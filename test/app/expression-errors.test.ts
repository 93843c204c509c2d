import test from "ava";
import { createExpressionErrorReporter } from "../../src/app/expression-errors.ts";
import { MEMBER_ABSENT } from "../../src/profile/model/rules.ts";

test("every failure of an expression is counted, and logged once in 10 seconds, with its cause, but no rule for what a client left out", (t) => {
  const lines: unknown[] = [];
  const counted: string[] = [];
  let now = 0;
  const tell = createExpressionErrorReporter(
    { expressionFailed: (...what) => counted.push(what.join(" ")) },
    (level, line) => lines.push([level, line]),
    () => now,
  );
  const failure = { reason: "failed", cause: "divide by zero" } as const;
  for (now of [0, 9_999, 10_000]) tell("lobby", "claim", "seat", failure);
  tell("lobby", "warning", "seat", failure);
  tell("arena", "claim", "seat", { reason: "failed", cause: MEMBER_ABSENT });
  tell("arena", "rule", "0", { reason: "failed", cause: MEMBER_ABSENT });
  tell("arena", "rule", "0", failure);
  tell("arena", "rule", "0", { reason: "too_costly", cause: "the evaluation would cost too much" });
  t.deepEqual(counted, [
    ...Array(3).fill("lobby claim seat failed"),
    "lobby warning seat failed",
    "arena claim seat failed",
    "arena rule 0 failed",
    "arena rule 0 failed",
    "arena rule 0 too_costly",
  ]);
  const { cause } = failure;
  const failed = ["warn", { type: "claim.failed", profile: "lobby", claim: "seat", cause }];
  t.deepEqual(lines, [
    failed,
    failed,
    ["warn", { type: "warning.failed", profile: "lobby", code: "seat", cause }],
    ["warn", { type: "claim.failed", profile: "arena", claim: "seat", cause: MEMBER_ABSENT }],
    ["warn", { type: "rule.failed", profile: "arena", rule: 0, cause }],
    ["warn", { type: "expression.too_costly", profile: "arena", kind: "rule", name: "0" }],
  ]);
});
