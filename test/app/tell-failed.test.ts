import test from "ava";
import { tellFailed } from "../../src/app/tell-failed.ts";

test("an expression that fails is logged once in 10 seconds, each on its own", (t) => {
  const lines: unknown[] = [];
  let now = 0;
  const tell = tellFailed(
    (level, line) => lines.push([level, line]),
    () => now,
  );
  for (now of [0, 9_999, 10_000]) tell("lobby", "claim", "seat");
  tell("lobby", "warning", "seat");
  tell("arena", "claim", "seat");
  const failed = ["warn", { event: "claim.failed", profile: "lobby", claim: "seat" }];
  t.deepEqual(lines, [
    failed,
    failed,
    ["warn", { event: "warning.failed", profile: "lobby", code: "seat" }],
    ["warn", { event: "claim.failed", profile: "arena", claim: "seat" }],
  ]);
});
