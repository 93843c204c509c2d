import test from "ava";
import { createExpressionErrorReporter } from "../../src/app/expression-errors.ts";

test("every failure of an expression is counted, and logged once in 10 seconds except for those of rules", (t) => {
  const lines: unknown[] = [];
  const counted: string[] = [];
  let now = 0;
  const tell = createExpressionErrorReporter(
    { expressionFailed: (...what) => counted.push(what.join(" ")) },
    (level, line) => lines.push([level, line]),
    () => now,
  );
  for (now of [0, 9_999, 10_000]) tell("lobby", "claim", "seat");
  tell("lobby", "warning", "seat");
  tell("arena", "claim", "seat");
  tell("arena", "rule", "0");
  t.deepEqual(counted, [
    ...Array(3).fill("lobby claim seat"),
    "lobby warning seat",
    "arena claim seat",
    "arena rule 0",
  ]);
  const failed = ["warn", { type: "claim.failed", profile: "lobby", claim: "seat" }];
  t.deepEqual(lines, [
    failed,
    failed,
    ["warn", { type: "warning.failed", profile: "lobby", code: "seat" }],
    ["warn", { type: "claim.failed", profile: "arena", claim: "seat" }],
  ]);
});
