import test from "ava";
import { jsonObject, requestClaims } from "../../../src/cli/input/claims.ts";
import { terminal } from "../terminal.ts";

for (const claims of ['{"__proto__":1}', '{"a":[{"constructor":1}]}', '{"a":1,"a":2}', '{"a":{"b":1,"b":1}}'])
  test(`claims that would reach the service changed are refused: ${claims}`, async (t) => {
    const { io } = terminal();
    await t.throwsAsync(requestClaims({ claims }, io), { message: /^--claims must have no duplicate name/ });
    t.throws(() => jsonObject(claims, "--context"), { message: /^--context must have no duplicate name/ });
  });

test("a claim by the name of a prototype is refused", async (t) => {
  const { io } = terminal();
  await t.throwsAsync(requestClaims({ claim: ["__proto__=x"] }, io), {
    message: "--claim must not be named __proto__",
  });
});

test("no claims are undefined, an empty object is an empty object", async (t) => {
  const { io } = terminal();
  t.is(await requestClaims({}, io), undefined);
  t.deepEqual(await requestClaims({ claims: "{}" }, io), {});
});
