import test from "ava";
import { ADMINISTRATIVE, METHODS } from "../../../src/access/question.ts";
import { type AdminServices, countAdminFailures } from "../../../src/app/services/admin-failures.ts";
import type { Occurrence } from "../../../src/audit/event-counter.ts";
import type { Caller } from "../../../src/caller.ts";
import { Problem } from "../../../src/problem/problem.ts";

const CALLER = { name: "mtls:admin", proof: "mtls", address: "192.0.2.1" } as unknown as Caller;

/** Every administrative method of services that answer each call with `answer`, as the server would call it. */
function calls(answer: () => Promise<unknown>) {
  const counted: Occurrence[] = [];
  const service = new Proxy({}, { get: () => answer, ownKeys: () => [] });
  const services = { tokens: service, keys: service, audit: service } as unknown as AdminServices;
  const { tokens, keys, audit } = countAdminFailures(
    services,
    () => new Map([["service", {}]]),
    (occurrence) => void counted.push(occurrence),
  );
  const byMethod: Record<(typeof ADMINISTRATIVE)[number], unknown> = {
    RevokeTokens: tokens.revoke,
    ImportKey: keys.importKey,
    RotateKeys: keys.rotateKeys,
    RevokeKey: keys.revokeKey,
    RotateAuditKey: audit.rotateKey,
    RetireWriter: audit.retireWriter,
  };
  const call = (method: (typeof ADMINISTRATIVE)[number], profile = "service") =>
    (byMethod[method] as (request: object, caller: Caller) => Promise<unknown>)({ profile }, CALLER);
  return { call, counted };
}

for (const method of ADMINISTRATIVE)
  test(`a ${method} that fails has an event with its reason and its caller, and one that succeeds has none`, async (t) => {
    const refused = calls(async () => {
      throw new Problem("WRITER_NOT_FOUND", "none");
    });
    await t.throwsAsync(refused.call(method), { name: "Problem" });
    const event = { type: "admin.failed", method, profile: "service", caller: CALLER } as const;
    t.deepEqual<unknown, unknown>(refused.counted, [{ ...event, reason: "WRITER_NOT_FOUND" }]);
    // A service that is not open yet throws at once.
    const waiting = calls(() => {
      throw new Error("a bug");
    });
    await t.throwsAsync(waiting.call(method, "unknown"), { message: "a bug" });
    t.deepEqual<unknown, unknown>(waiting.counted, [{ ...event, profile: "", reason: "INTERNAL" }]);
    const done = calls(async () => "done");
    t.is(await done.call(method), "done");
    t.deepEqual(done.counted, []);
  });

test("every other method changes nothing that an administrator decides: a new one is decided here", (t) => {
  const others = METHODS.filter((method) => !ADMINISTRATIVE.some((known) => known === method));
  t.deepEqual(others, [
    ...["IssueToken", "VerifyToken", "WatchRevocations", "GetJwks", "ListKeys", "PlanRotation", "WatchKeys"],
    ...["ListProfiles", "GetProfile", "OpenSession", "RenewSessions", "CloseSessions", "WatchSessions"],
    ...["ListSessions", "HashSubject", "ListAuditKeys", "Checkpoint", "ReadAudit"],
  ] as never);
});
