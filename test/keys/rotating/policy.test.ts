import test from "ava";
import { brokenBounds, jwksMaxAge, keyPolicy, timeInStore } from "../../../src/keys/rotating/policy.ts";
import { hour, minute, policy, second } from "./ring-under-test.ts";

const paths = (overrides: Partial<typeof policy>): string[] =>
  brokenBounds({ ...policy, ...overrides }).map(({ path }) => path);

test("the defaults keep every bound, and the lead is cache, propagation and skew", (t) => {
  t.deepEqual(brokenBounds(policy), []);
  t.is(policy.lead, 17 * minute);
  t.is(policy.period, 24 * hour);
});

test("the default lead follows the cache that is given", (t) => {
  t.is(keyPolicy({ maxTtl: minute, verifierCache: 30 * minute }).lead, 32 * minute);
});

test("a key that signs was in the store for its lead, less what the clocks differ", (t) => {
  t.is(timeInStore(policy), 16 * minute);
});

test("a lead one millisecond too short is named with the sum that it must reach", (t) => {
  t.deepEqual(paths({ lead: 17 * minute }), []);
  const [broken, ...others] = brokenBounds({ ...policy, lead: 17 * minute - 1 });
  t.deepEqual(others, []);
  t.is(broken?.path, "lead");
  t.regex(broken?.message ?? "", /1019999 ms.*900000 \+ propagation 60000 \+ clock skew 60000 = 1020000/);
});

test("a period that is no longer than the lead and the delay is refused", (t) => {
  t.deepEqual(paths({ period: 22 * minute + 1 }), []);
  t.deepEqual(paths({ period: 22 * minute }), ["period"]);
});

test("tokens that live so long that 33 keys would verify at once are refused, with how many may", (t) => {
  const longest = 29 * policy.period - policy.activationDelay - policy.skew - policy.stopUsing;
  t.deepEqual(paths({ maxTtl: longest }), []);
  const [broken, ...others] = brokenBounds({ ...policy, maxTtl: longest + 1 });
  t.deepEqual(others, []);
  t.is(broken?.path, "period");
  t.regex(broken?.message ?? "", /33 keys would verify at once, and 32 may/);
});

test("all broken bounds are reported at once", (t) => {
  const all = ["skew", "maxTtl", "lead", "period", "period"];
  t.deepEqual(paths({ period: 2 * second, lead: second, maxTtl: 0, skew: -1 }), all);
});

for (const bad of [0, -1, 0.5, Number.NaN, Infinity]) {
  test(`${bad} ms is not allowed in any field`, (t) => {
    for (const path of Object.keys(policy) as (keyof typeof policy)[]) {
      t.true(paths({ [path]: bad }).includes(path), path);
    }
  });
}

test("a JWKS may be kept for whole seconds, never longer than the cache that rotation allows for", (t) => {
  t.is(jwksMaxAge({ ...policy, verifierCache: 1999 }), 1);
  t.is(jwksMaxAge(policy), 900);
});
