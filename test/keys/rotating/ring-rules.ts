import { isVerifiable, nextToSign, published, signer } from "../../../src/keys/rotating/key-states.ts";
import { type EpochPlan, nextKey, planEmergency, planEpoch, planManual } from "../../../src/keys/rotating/plan.ts";
import { type KeyPolicy, leastLead } from "../../../src/keys/rotating/policy.ts";
import { type EpochRecord, type KeyRecord, type KeyTimes, NEVER } from "../../../src/keys/rotating/record.ts";
import { applyPlan, day, makeKey, start } from "./ring-under-test.ts";

/** What happens to a ring: time passes, and then an operator may do something. */
export interface Step {
  readonly passes: number;
  readonly policy: KeyPolicy;
  /** rotate: `at` of the span between the earliest and the planned time, 0 to 1. revoke: the key of this number. */
  readonly act?: { readonly rotate: number } | { readonly revoke: number };
}

/** The planners of the service, or wrong ones in their place. */
export interface Planners {
  readonly epoch: typeof planEpoch;
  readonly manual: (ring: EpochRecord, now: number, policy: KeyPolicy, share: number) => EpochPlan | undefined;
  readonly emergency: typeof planEmergency;
}

export const PLANNERS: Planners = {
  epoch: planEpoch,
  manual(ring, now, policy, share) {
    const next = nextKey(ring, now, policy);
    if (next === undefined) return undefined;
    const at = next.earliest + Math.floor(share * (next.key.signFrom - next.earliest));
    return planManual(ring, now, policy, { key: next.key, at });
  },
  emergency: planEmergency,
};

export interface Simulation {
  readonly ring: EpochRecord;
  readonly now: number;
  /** The latest that its clock has shown. */
  readonly latest: number;
  /** How many keys were ever made. */
  readonly made: number;
  /** The policy under which a key got its times. */
  readonly policies: ReadonlyMap<string, KeyPolicy>;
}

/** The ring of a keyset that is new. */
export function begin(planners: Planners, policy: KeyPolicy, shown: boolean): Simulation {
  const plan = planners.epoch(undefined, start, policy, shown);
  if (plan === undefined) throw new Error("rule: a ring");
  const ring = applyPlan(plan, 1);
  atRest(planners, ring, start, policy);
  for (const key of ring.keys) {
    const atOnce = !shown && key.signFrom === start;
    rule(atOnce || key.signFrom - key.publishAt >= leastLead(policy), "lead");
  }
  const policies = new Map(ring.keys.map(({ kid }) => [kid, policy]));
  return { ring, now: start, latest: start, made: ring.keys.length, policies };
}

/** Takes a step and throws at the first rule that is broken. */
export function take(step: Step, planners: Planners, before: Simulation): Simulation {
  const now = Math.max(0, before.now + step.passes);
  const { policy, act } = step;
  const passed = { ...before, now, latest: Math.max(before.latest, now) };
  const kept = carryOut(planners.epoch(before.ring, now, policy, true), passed, policy);
  atRest(planners, kept.ring, now, policy);
  const after = act === undefined ? kept : carryOut(acting(planners, kept, policy, act), kept, policy);
  atRest(planners, after.ring, now, policy);
  if (act !== undefined && signer(kept.ring, now) !== undefined)
    rule(signer(after.ring, now) !== undefined, "what an operator does leaves a key that signs");
  holdsNow(after, policy);
  return after;
}

function acting(
  planners: Planners,
  { ring, now }: Simulation,
  policy: KeyPolicy,
  act: NonNullable<Step["act"]>,
): EpochPlan | undefined {
  if ("rotate" in act) return planners.manual(ring, now, policy, act.rotate);
  const left = ring.keys.filter(
    ({ revoked, verifyUntil }) => revoked === undefined && verifyUntil > Math.max(now, ring.createdAt),
  );
  const key = left[act.revoke % left.length];
  if (key === undefined) return undefined;
  const plan = planners.emergency(ring, now, policy, key.kid, "a test");
  const taken = plan?.keep.find(({ kid }) => kid === key.kid);
  rule(taken?.revoked !== undefined && taken.sealed === undefined, "a revoked key has no private key");
  return plan;
}

function carryOut(plan: EpochPlan | undefined, before: Simulation, policy: KeyPolicy): Simulation {
  if (plan === undefined) return before;
  const ring = applyPlan(plan, before.made + 1);
  rule(ring.epoch === before.ring.epoch + 1, "the next epoch");
  rule(new Set(ring.keys.map(({ kid }) => kid)).size === ring.keys.length, "no kid twice");
  const policies = new Map(before.policies);
  for (const key of ring.keys) {
    const old = before.ring.keys.find(({ kid }) => kid === key.kid);
    if (old === undefined || !sameTimes(old, key)) {
      policies.set(key.kid, policy);
      givenWell(key, old, ring, before.ring, policy);
    }
    if (old?.revoked !== undefined) rule(key.revoked === old.revoked, "a revoked key stays revoked");
  }
  promisesAreKept(before.ring, ring);
  return { ...before, ring, policies, made: before.made + plan.make.length };
}

/** The times that a key gets: when it is made, promoted or brought forward. */
function givenWell(
  key: KeyRecord,
  old: KeyRecord | undefined,
  ring: EpochRecord,
  before: EpochRecord,
  policy: KeyPolicy,
): void {
  rule(key.publishAt <= ring.createdAt, "published with its epoch");
  if (old !== undefined) {
    rule(old.signFrom > ring.createdAt, "a key that may have signed keeps its times");
    rule(old.revoked === undefined, "a revoked key stays revoked");
    rule(key.signFrom < old.signFrom, "a key that waits is only brought forward");
    rule(key.publishAt === Math.min(old.publishAt, ring.createdAt), "a key was published when it was");
  }
  if (key.signFrom === NEVER) return;
  const successor = ring.reason === "emergency" && key.signFrom === ring.createdAt;
  rule(successor || key.signFrom - key.publishAt >= leastLead(policy), "lead");
  rule(key.verifyUntil >= key.signUntil + policy.maxTtl + policy.skew + policy.stopUsing, "verifies long enough");
  if (ring.reason === "manual" && old !== undefined) overlaps(key, old, before, policy);
}

/** Who was brought forward finds the one before it as ready to go on as it would have been. */
function overlaps(key: KeyTimes, old: KeyTimes, before: EpochRecord, { activationDelay }: KeyPolicy): void {
  const leading = signer(before, before.createdAt);
  if (leading === undefined || leading.signUntil < old.signFrom + activationDelay) return;
  rule(leading.signUntil >= key.signFrom + activationDelay, "the key before goes on for the delay");
}

function promisesAreKept(before: EpochRecord, after: EpochRecord): void {
  const past = before.keys.filter((key) => key.revoked !== undefined || after.createdAt >= key.verifyUntil);
  for (const key of before.keys) {
    const end = key.verifyUntil === NEVER ? (key.revoked?.at ?? NEVER) : key.verifyUntil;
    const listed = after.keys.some(({ kid }) => kid === key.kid);
    const over = after.createdAt >= end + day;
    rule(listed || over || (past.length > 16 && past.includes(key)), "no key goes before a day after its end");
  }
}

function holdsNow({ ring, now, latest, policies }: Simulation, policy: KeyPolicy): void {
  rule(ring.keys.filter((key) => key.sealed !== undefined && key.signFrom === NEVER).length === 1, "one standby");
  const active = signer(ring, now);
  const waiting = nextToSign(ring, now)?.signFrom ?? Infinity;
  rule(active !== undefined || waiting <= now + policy.lead, "signs, or will after a lead");
  for (const key of ring.keys)
    if (key.revoked !== undefined)
      rule(!isVerifiable(ring, key, now) && !published(ring, now).includes(key), "a revoked key verifies nothing");
  if (now === latest)
    rule(
      ring.keys.every((key) => key.sealed === undefined || now < key.signUntil),
      "spent private keys are gone",
    );
  if (active === undefined) return;
  rule(isVerifiable(ring, active, now), "who signs verifies");
  const { maxTtl, skew } = policies.get(active.kid) ?? policy;
  rule(now + maxTtl + skew < active.verifyUntil, "verifies until its last token is over");
}

/** Before anything is planned for that moment. */
export function stillSigns({ ring }: Simulation, now: number): void {
  rule(signer(ring, now) !== undefined, "some key can always sign");
}

function atRest({ epoch }: Planners, ring: EpochRecord, now: number, policy: KeyPolicy): void {
  rule(epoch(ring, now, policy, true) === undefined, "a plan that is carried out asks for nothing more");
}

function sameTimes(left: KeyTimes, right: KeyTimes): boolean {
  const names = Object.keys(makeKey(0)).filter((name) => /At|From|Until/.test(name)) as (keyof KeyTimes)[];
  return names.every((name) => left[name] === right[name]);
}

function rule(holds: boolean, name: string): void {
  if (!holds) throw new Error(`rule: ${name}`);
}
