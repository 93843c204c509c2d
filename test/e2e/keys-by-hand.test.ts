import test from "ava";
import type { AuditEvent } from "../../src/audit/event.ts";
import { KeyState } from "../../src/gen/signet/v1/keys.ts";
import { RejectionReason } from "../../src/gen/signet/v1/token.ts";
import { nextRotation, planRotation, revokeKey, rotateKeys } from "../support/service/key-calls.ts";
import { failureOf } from "../support/service/rich-error.ts";
import { FAST_ROTATION, issue, listKeys, startService, verify } from "../support/service/service.ts";

test("a new service shows its plan, and a rotation before the lead is over is TOO_EARLY with the earliest time", async (t) => {
  const service = await startService(t);
  const plan = await planRotation(service);
  const { keys } = await listKeys(service, "service");
  const kid = (state: KeyState) => keys.find((key) => key.state === state)?.keyId;
  t.is(plan.activeKeyId, kid(KeyState.KEY_STATE_ACTIVE) ?? "");
  t.is(plan.nextKeyId, kid(KeyState.KEY_STATE_PUBLISHED) ?? "");
  t.is(plan.standbyKeyId, kid(KeyState.KEY_STATE_STANDBY) ?? "");
  t.deepEqual(plan.earliestAt, plan.standbyReadyAt);
  const [lead] = plan.bounds;
  t.like(lead, { name: "lead", value: { seconds: 1020n }, bound: { seconds: 1020n } });
  const error = await failureOf(rotateKeys(service, { at: new Date() }));
  t.like(error, { code: "FAILED_PRECONDITION", reason: "TOO_EARLY" });
  t.regex(error.message, new RegExp(plan.earliestAt?.toISOString() ?? "-"));
});

test("the standby has no times but the one since which it is published", async (t) => {
  const service = await startService(t);
  const { keys } = await listKeys(service, "service");
  const standby = keys.find(({ state }) => state === KeyState.KEY_STATE_STANDBY);
  t.not(standby?.publishAt, undefined);
  t.like(standby, { signFrom: undefined, signUntil: undefined, verifyUntil: undefined, revokedAt: undefined });
});

test("by hand the next key signs as early as is safe, and tokens of the one before go on verifying", async (t) => {
  const clock = { now: Date.now() };
  const service = await startService(t, { policy: FAST_ROTATION, surroundings: { now: () => clock.now } });
  const ttl = { seconds: 5n, nanos: 0 };
  const before = await issue(service, { ttl });
  const { nextKeyId, earliestAt } = await nextRotation(service);
  const rotation = await rotateKeys(service);
  t.is(rotation.keyId, nextKeyId);
  const signFrom = rotation.signFrom?.getTime() ?? Infinity;
  t.is(signFrom, Math.max(earliestAt, clock.now));
  clock.now = signFrom - 1;
  t.is((await issue(service, { ttl })).keyId, before.keyId);
  clock.now = signFrom;
  t.is((await issue(service, { ttl })).keyId, nextKeyId);
  t.like(await verify(service, before.token), { valid: true });
});

test("the events of a rotation by hand and of an emergency name the caller, and that of the first keys none", async (t) => {
  const appended: AuditEvent[] = [];
  const service = await startService(t, {
    surroundings: {
      wrapAudit: (audit) => ({
        append(event, time) {
          appended.push(event);
          return audit.append(event, time);
        },
      }),
    },
  });
  await rotateKeys(service);
  await revokeKey(service, (await issue(service)).keyId);
  t.deepEqual(
    appended.flatMap((one) =>
      one.type === "key.rotated" && one.keyset === "service" ? [[one.reason, one.caller?.name]] : [],
    ),
    [
      ["first", undefined],
      ["held", undefined],
      ["manual", "loopback"],
      ["emergency", "loopback"],
    ],
  );
});

test("after an emergency the standby signs, and tokens of the revoked key are KEY_REVOKED", async (t) => {
  const service = await startService(t);
  const stolen = await issue(service);
  const { standbyKeyId } = await planRotation(service);
  const before = Date.now();
  const answer = await revokeKey(service, stolen.keyId);
  t.like(answer, { signingKeyId: standbyKeyId, epoch: 2n, replicasInformed: [], replicasLate: [] });
  t.true((answer.knownEverywhereAt?.getTime() ?? 0) > before + 1_000_000);
  const fresh = await issue(service);
  t.is(fresh.keyId, standbyKeyId);
  t.like(await verify(service, fresh.token), { valid: true });
  const refused = await verify(service, stolen.token);
  t.false(refused.valid);
  t.is(refused.rejection?.reason, RejectionReason.REJECTION_REASON_KEY_REVOKED);
  const key = (await listKeys(service, "service")).keys.find(({ keyId }) => keyId === stolen.keyId);
  t.is(key?.state, KeyState.KEY_STATE_REVOKED);
  t.not(key?.revokedAt, undefined);
});

test("a keyset or a key that is not there is NOT_FOUND", async (t) => {
  const service = await startService(t);
  t.like(await failureOf(rotateKeys(service, { keyset: "unknown" })), {
    code: "NOT_FOUND",
    reason: "KEYSET_NOT_FOUND",
  });
  t.like(await failureOf(revokeKey(service, "AAAAAAAAAAAAAAAA")), { code: "NOT_FOUND", reason: "KEY_NOT_FOUND" });
});
