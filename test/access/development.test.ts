import { readFileSync } from "node:fs";
import test from "ava";
import { METHODS, PERMISSIONS } from "../../src/access/question.ts";
import { loadConfig } from "../../src/config/load.ts";
import { callerOf, policyOf } from "../support/access/policies.ts";
import { faultsOf } from "../support/files/config-files.ts";

const FILE = new URL("../../policies/development.yaml", import.meta.url);
const POLICY = policyOf(readFileSync(FILE, "utf8"));

test("without a policy, the one for development is in force, and nothing decides beside it", (t) => {
  const { policy, shadow } = loadConfig({ env: {} });
  t.is(policy.file, FILE.pathname);
  t.is(policy.digest, POLICY.digest);
  t.is(shadow, undefined);
});

test("beside a profile that makes callers, it is refused: a policy of one's own is needed", (t) => {
  const folder = new URL("../../examples/profiles", import.meta.url).pathname;
  t.deepEqual(
    faultsOf(() => loadConfig({ env: { SIGNET_PROFILES_FOLDER: folder } })).map(({ file }) => file),
    [FILE.pathname, "configuration"],
  );
});

for (const method of METHODS)
  test(`the policy for development allows ${method} to loopback and unix, and to nobody else`, (t) => {
    const needs = method === "VerifyToken" ? { needs: PERMISSIONS } : {};
    for (const profile of [undefined, "service", "hivekit"])
      for (const name of ["loopback", "unix"]) {
        const question = { method, profile, tenant: "acme", audience: ["x"], subject: "x", ttlSeconds: 1e6, ...needs };
        t.true(POLICY.decide(callerOf(name), question).allowed);
        t.true(POLICY.decide(callerOf(name), { method, profile }).allowed);
      }
    for (const name of ["dns:loopback", "spiffe://example.org/unix", "jwt:k8s:loopback", ""])
      t.deepEqual(POLICY.decide(callerOf(name), { method }), { allowed: false, because: "method" });
  });
