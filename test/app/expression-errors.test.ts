import test from "ava";
import { createExpressionErrorReporter } from "../../src/app/expression-errors.ts";

test("every failure of an expression is counted, and logged once in 10 seconds, those of rules only when they cost too much", (t) => {
  const lines: unknown[] = [];
  const counted: string[] = [];
  let now = 0;
  const tell = createExpressionErrorReporter(
    { expressionFailed: (...what) => counted.push(what.join(" ")) },
    (level, line) => lines.push([level, line]),
    () => now,
  );
  for (now of [0, 9_999, 10_000]) tell("lobby", "claim", "seat", "failed");
  tell("lobby", "warning", "seat", "failed");
  tell("arena", "claim", "seat", "failed");
  tell("arena", "rule", "0", "failed");
  tell("arena", "rule", "0", "too_costly");
  t.deepEqual(counted, [
    ...Array(3).fill("lobby claim seat failed"),
    "lobby warning seat failed",
    "arena claim seat failed",
    "arena rule 0 failed",
    "arena rule 0 too_costly",
  ]);
  const failed = ["warn", { type: "claim.failed", profile: "lobby", claim: "seat" }];
  t.deepEqual(lines, [
    failed,
    failed,
    ["warn", { type: "warning.failed", profile: "lobby", code: "seat" }],
    ["warn", { type: "claim.failed", profile: "arena", claim: "seat" }],
    ["warn", { type: "expression.too_costly", profile: "arena", kind: "rule", name: "0" }],
  ]);
});
