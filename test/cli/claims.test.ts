import test from "ava";
import { requestClaims } from "../../src/cli/claims.ts";
import { terminal } from "./terminal.ts";

test("a claim by the name __proto__ is kept, so that the service can refuse it", async (t) => {
  const { io } = terminal();
  const claims = await requestClaims({ claim: ["__proto__=x"], claims: '{"a":1}' }, io);
  t.deepEqual(Object.entries(claims ?? {}), [
    ["a", 1],
    ["__proto__", "x"],
  ]);
  const parsed = await requestClaims({ claims: '{"__proto__":{"admin":true}}' }, io);
  t.deepEqual(Object.keys(parsed ?? {}), ["__proto__"]);
});

test("no claims are undefined, an empty object is an empty object", async (t) => {
  const { io } = terminal();
  t.is(await requestClaims({}, io), undefined);
  t.deepEqual(await requestClaims({ claims: "{}" }, io), {});
});
