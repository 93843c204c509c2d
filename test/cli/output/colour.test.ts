import test from "ava";
import { signet } from "../terminal.ts";

const WRONG = ["token", "issue"];
const RED = "\u001b[31merror:\u001b[39m";

for (const [tty, env, isRed] of [
  [true, {}, true],
  [false, {}, false],
  [true, { NO_COLOR: "1" }, false],
  [true, { NO_COLOR: "" }, true],
  [true, { TERM: "dumb" }, false],
  [true, { FORCE_COLOR: "0" }, false],
  [false, { FORCE_COLOR: "1" }, true],
  [false, { FORCE_COLOR: "" }, false],
  [false, { FORCE_COLOR: "1", NO_COLOR: "1" }, false],
] as const)
  test(`${tty ? "a terminal" : "a pipe"} with ${JSON.stringify(env)} has ${isRed ? "colours" : "none"}`, async (t) => {
    const { stderr } = await signet(WRONG, { tty, env });
    t.true(stderr.startsWith(isRed ? RED : "error:"), JSON.stringify(stderr));
  });

test("JSON has no colours, even if they are forced", async (t) => {
  const { stderr } = await signet([...WRONG, "--json"], { tty: true, env: { FORCE_COLOR: "1" } });
  t.is(JSON.parse(stderr).code, "USAGE");
});
