import test from "ava";
import fc from "fast-check";
import { nextToSign, standbyOf } from "../../../src/keys/rotating/key-states.ts";
import { type EpochPlan, planManual } from "../../../src/keys/rotating/plan.ts";
import { type KeyPolicy, keyPolicy } from "../../../src/keys/rotating/policy.ts";
import { holdsSpentPrivateKey, prunedKeys } from "../../../src/keys/rotating/pruning.ts";
import type { KeyRecord } from "../../../src/keys/rotating/record.ts";
import { begin, PLANNERS, type Planners, type Step, stillSigns, take } from "./ring-rules.ts";
import { day, hour, minute } from "./ring-under-test.ts";

// A simulated service: time passes while it runs or is down, its clock steps, its policy changes between starts, and an
// operator rotates and revokes.

const policies: fc.Arbitrary<KeyPolicy> = fc
  .record({
    verifierCache: fc.integer({ min: 1, max: hour }),
    propagation: fc.integer({ min: 1, max: 5 * minute }),
    stopUsing: fc.integer({ min: 1, max: 5 * minute }),
    skew: fc.integer({ min: 1, max: 5 * minute }),
    activationDelay: fc.integer({ min: 1, max: hour }),
    maxTtl: fc.integer({ min: 1, max: 2 * day }),
    extra: fc.integer({ min: 1, max: 7 * day }),
  })
  .map(({ extra, ...times }) => {
    const { lead } = keyPolicy(times);
    return { ...times, lead, period: lead + times.activationDelay + extra };
  });

const rotate = fc.record({ rotate: fc.constantFrom(0, 0, 0.5, 1) });
const revoke = fc.record({ revoke: fc.nat(9) });
const nothing: fc.Arbitrary<undefined> = fc.constant(undefined);

const forward = fc.integer({ min: 0, max: 20 * day });
const anyTime = fc.oneof(forward, fc.integer({ min: -3 * day, max: 3 * day }), fc.integer({ min: -minute, max: hour }));

function stepOf(policy: KeyPolicy, passes: fc.Arbitrary<number>, act: fc.Arbitrary<Step["act"]>): fc.Arbitrary<Step> {
  return fc
    .record({ passes, act })
    .map((step) => (step.act === undefined ? { passes: step.passes, policy } : { ...step, act: step.act, policy }));
}

function stepsOf(passes: fc.Arbitrary<number>, act: fc.Arbitrary<Step["act"]>): fc.Arbitrary<Step[]> {
  return policies.chain((policy) => fc.array(stepOf(policy, passes, act), { minLength: 1, maxLength: 60 }));
}

/** Between two looks at most what the ring has stock for. */
const stocked: fc.Arbitrary<Step[]> = policies.chain((policy) => {
  const longest = policy.period + policy.activationDelay - policy.lead;
  const passes = fc.integer({ min: 0, max: longest });
  return fc.array(stepOf(policy, passes, fc.oneof(nothing, rotate)), { minLength: 1, maxLength: 60 });
});

const busy = stepsOf(fc.oneof(anyTime, fc.integer({ min: 0, max: hour })), fc.oneof(nothing, rotate, revoke));

type Run = (planners: Planners, steps: readonly Step[], shown: boolean) => void;

const simulate: Run = (planners, steps, shown) => {
  const [first] = steps;
  if (first === undefined) return;
  let simulation = begin(planners, first.policy, shown);
  for (const step of steps) simulation = take(step, planners, simulation);
};

const simulateStocked: Run = (planners, steps, shown) => {
  const [first] = steps;
  if (first === undefined) return;
  let simulation = begin(planners, first.policy, shown);
  const waits = { passes: shown ? first.policy.lead : 0, policy: first.policy };
  for (const step of [waits, ...steps]) {
    stillSigns(simulation, simulation.now + step.passes);
    simulation = take(step, planners, simulation);
  }
};

function property(steps: fc.Arbitrary<Step[]>, run: Run = simulate, planners = PLANNERS) {
  return fc.property(steps, fc.boolean(), (list, shown) => run(planners, list, shown));
}

// Shrinking a chain of policies takes minutes; the seed and the path are enough to run a failure again.
const runs: fc.Parameters<[Step[], boolean]> = { numRuns: 500, endOnFailure: true, includeErrorInReport: true };

test("with downtimes of up to R + D - lead some key can always sign, rotated by hand or not", (t) => {
  t.notThrows(() => fc.assert(property(stocked, simulateStocked), runs));
});

test("with downtimes of any length every rule holds, and a lapsed ring signs again after its lead at the latest", (t) => {
  t.notThrows(() => fc.assert(property(stepsOf(forward, nothing)), runs));
});

test("with a clock that steps back and forth nothing is promised twice and no ring stays without a key", (t) => {
  t.notThrows(() => fc.assert(property(stepsOf(anyTime, nothing)), runs));
});

test("with rotations and revocations by hand at any time every rule holds", (t) => {
  t.notThrows(() => fc.assert(property(busy), runs));
});

test("with another policy at every start the plan becomes stable, and no key that has signed gets other times", (t) => {
  const any = policies.chain((policy) => stepOf(policy, anyTime, fc.oneof(nothing, rotate, revoke)));
  t.notThrows(() => fc.assert(property(fc.array(any, { minLength: 1, maxLength: 60 })), runs));
});

interface Mutant {
  readonly planners: Partial<Planners>;
  readonly rule: string;
  readonly steps: fc.Arbitrary<Step[]>;
  readonly run?: Run;
}

/** A planner of epochs whose plans are changed. */
const changed = (change: (plan: EpochPlan, now: number) => EpochPlan | undefined): Partial<Planners> => ({
  epoch(ring, now, policy, shown) {
    const plan = PLANNERS.epoch(ring, now, policy, shown);
    return plan && change(plan, now);
  },
});

const underOther = (other: Partial<KeyPolicy>): Partial<Planners> => ({
  epoch: (ring, now, policy, shown) => PLANNERS.epoch(ring, now, { ...policy, ...other }, shown),
});

/** A planner by hand that lets the next key sign at another time. */
const manualAt = (at: (key: KeyRecord, earliest: number) => number): Partial<Planners> => ({
  manual(ring, now, policy) {
    const earliest = Math.max(now, ring.createdAt);
    const key = nextToSign(ring, earliest);
    return key && planManual(ring, now, policy, { key, at: at(key, earliest) });
  },
});

const withKeys = (plan: EpochPlan, change: (key: KeyRecord) => KeyRecord): EpochPlan => ({
  ...plan,
  keep: plan.keep.map(change),
});

const mutants: Record<string, Mutant> = {
  "a planner without a lead": { planners: underOther({ lead: 0 }), steps: stocked, rule: "lead" },
  "a planner that forgets the ttl": {
    planners: underOther({ maxTtl: 0, stopUsing: 0 }),
    steps: stocked,
    rule: "(verifies long enough|verifies until its last token is over)",
  },
  "a planner that keeps spent private keys": {
    planners: changed((plan) => (plan.reason === "retired" ? undefined : plan)),
    steps: stocked,
    rule: "spent private keys are gone",
  },
  "a planner that makes a key only when none can sign": {
    planners: {
      epoch(ring, now, policy, shown) {
        const plan = PLANNERS.epoch(ring, now, policy, shown);
        if (ring === undefined || plan?.reason !== "scheduled") return plan;
        const keep = prunedKeys(ring, plan.createdAt, policy);
        return holdsSpentPrivateKey(ring, plan.createdAt, policy)
          ? { ...plan, reason: "retired", keep, make: [] }
          : undefined;
      },
    },
    steps: stocked,
    run: simulateStocked,
    rule: "some key can always sign",
  },
  "a planner that drops removed keys at once": {
    planners: changed((plan, now) => ({ ...plan, keep: plan.keep.filter((key) => now < key.verifyUntil) })),
    steps: stepsOf(forward, nothing),
    rule: "no key goes before a day after its end",
  },
  "a planner that moves the times of a key": {
    planners: changed((plan) => withKeys(plan, (key) => ({ ...key, verifyUntil: key.verifyUntil + 1 }))),
    steps: stepsOf(forward, nothing),
    rule: "a key that may have signed keeps its times",
  },
  "a planner that makes no standby": {
    planners: changed((plan) => {
      const make = plan.make.filter(({ signFrom, signUntil }) => signUntil > signFrom);
      return plan.reason === "standby" ? undefined : { ...plan, make };
    }),
    steps: stocked,
    rule: "one standby",
  },
  "a rotation by hand before every verifier knows the key": {
    planners: manualAt((_, earliest) => earliest),
    steps: stocked,
    rule: "lead",
  },
  "a rotation by hand after the planned time": {
    planners: manualAt(({ signFrom }) => signFrom + 1),
    steps: stocked,
    rule: "a key that waits is only brought forward",
  },
  "a revocation that keeps the private key": {
    planners: {
      emergency(ring, now, policy, kid, reason) {
        const plan = PLANNERS.emergency(ring, now, policy, kid, reason);
        const sealed = ring.keys.find((key) => key.kid === kid)?.sealed;
        return plan && withKeys(plan, (key) => (key.kid === kid && sealed !== undefined ? { ...key, sealed } : key));
      },
    },
    steps: busy,
    rule: "a revoked key has no private key",
  },
  "a revocation that leaves the signing to the schedule": {
    planners: {
      emergency(ring, now, policy, kid, reason) {
        const plan = PLANNERS.emergency(ring, now, policy, kid, reason);
        const standby = standbyOf(ring);
        return plan && withKeys(plan, (key) => (key.kid === standby?.kid && key.kid !== kid ? standby : key));
      },
    },
    steps: busy,
    rule: "(what an operator does leaves a key that signs|a plan that is carried out asks for nothing more|one standby)",
  },
  "a planner that forgets what was revoked": {
    planners: changed((plan) => withKeys(plan, ({ revoked: _, ...key }) => key)),
    steps: busy,
    rule: "a revoked key stays revoked",
  },
};

for (const [name, { planners, steps, rule: broken, run = simulate }] of Object.entries(mutants)) {
  test(`the rules find ${name}`, (t) => {
    const result = fc.check(property(steps, run, { ...PLANNERS, ...planners }), runs);
    t.true(result.failed);
    t.regex(String(result.errorInstance), new RegExp(`rule: ${broken}`));
  });
}
