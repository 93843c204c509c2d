import test from "ava";
import fc from "fast-check";
import type { KeyPolicy } from "../../src/keyring/bounds.ts";
import { keyPolicy } from "../../src/keyring/bounds.ts";
import type { EpochPlan } from "../../src/keyring/plan.ts";
import { planEpoch } from "../../src/keyring/plan.ts";
import type { EpochReason, EpochRecord, KeyRecord } from "../../src/keyring/record.ts";
import { isVerifiable, nextToSign, signer } from "../../src/keyring/state.ts";
import { applyPlan, day, hour, makeKey, makeRing, minute, policy, start } from "./ring-under-test.ts";

test("the first key of a keyset that nobody was shown signs at once, its successor a period later", (t) => {
  const plan = planEpoch(undefined, start, policy, false);
  t.is(plan?.epoch, 1);
  t.is(plan?.reason, "first");
  const [first, second, ...more] = plan?.make ?? [];
  t.deepEqual(more, []);
  t.deepEqual(first, {
    publishAt: start,
    signFrom: start,
    signUntil: start + day + 5 * minute,
    verifyUntil: start + day + 12 * minute,
  });
  t.is(second?.publishAt, start);
  t.is(second?.signFrom, start + day);
});

test("the first key of a keyset that is added to a shown JWKS waits its lead", (t) => {
  const [first, second] = planEpoch(undefined, start, policy, true)?.make ?? [];
  t.is(first?.signFrom, start + 17 * minute);
  t.is(second?.signFrom, start + 17 * minute + day);
});

test("nothing is due until the second key signs: then the third is published", (t) => {
  const ring = firstRing();
  t.is(planEpoch(ring, start + day - 1, policy, true), undefined);
  const plan = planEpoch(ring, start + day, policy, true);
  t.is(plan?.reason, "scheduled");
  t.is(plan?.epoch, 2);
  t.deepEqual(plan?.keep, ring.keys);
  t.deepEqual(
    plan?.make.map(({ publishAt, signFrom }) => ({ publishAt, signFrom })),
    [{ publishAt: start + day, signFrom: start + 2 * day }],
  );
});

test("a private half is dropped at the moment from which it may not sign, and its key stays", (t) => {
  const ring = applyPlan(planned(firstRing(), start + day), 3);
  const first = ring.keys[0];
  t.is(planEpoch(ring, (first?.signUntil ?? 0) - 1, policy, true), undefined);
  const plan = planEpoch(ring, first?.signUntil ?? 0, policy, true);
  t.is(plan?.reason, "retired");
  t.deepEqual(plan?.make, []);
  t.deepEqual(
    plan?.keep.map((key) => key.sealed !== undefined),
    [false, true, true],
  );
  t.is(plan?.keep[0]?.kid, first?.kid);
});

test("a removed key is listed for a day more, and goes with the next epoch that is due", (t) => {
  const { sealed: _, ...gone } = makeKey(9, {
    signUntil: start - 2 * day,
    verifyUntil: start - day,
    signFrom: 1,
    publishAt: 1,
  });
  const ring = firstRing();
  const listing = makeRing({ keys: [gone, ...ring.keys] });
  t.is(planEpoch(listing, start, policy, true), undefined);
  t.deepEqual(planEpoch(listing, start + day, policy, true)?.keep, ring.keys);
  const fresh = { ...gone, verifyUntil: start + 1 };
  t.true(planEpoch(makeRing({ keys: [fresh, ...ring.keys] }), start + day, policy, true)?.keep.includes(fresh));
});

test("a lapsed ring gets a key that waits its lead where a JWKS was shown, and signs at once where not", (t) => {
  const late = start + 10 * day;
  const shown = planEpoch(firstRing(), late, policy, true);
  t.is(shown?.reason, "lapsed");
  t.is(shown?.make[0]?.signFrom, late + policy.lead);
  t.is(planEpoch(firstRing(), late, policy, false)?.make[0]?.signFrom, late);
});

test("a key that still waits is not joined by another one that could not sign sooner", (t) => {
  const ring = applyPlan(planned(firstRing(), start + 10 * day), 3);
  t.is(planEpoch(ring, start + 10 * day, policy, true), undefined);
  t.is(planEpoch(ring, start + 10 * day + policy.lead - 1, policy, true), undefined);
});

test("a ring that lapsed for a clock ten days ahead gets a key for the present time when the clock is back", (t) => {
  const ahead = applyPlan(planned(firstRing(), start + 10 * day), 3);
  const plan = planEpoch(ahead, start + hour, policy, true);
  t.is(plan?.reason, "lapsed");
  t.is(plan?.createdAt, start + hour);
  t.is(plan?.make[0]?.signFrom, start + hour + policy.lead);
});

function firstRing(): EpochRecord {
  return applyPlan(planned(undefined, start, false), 1);
}

function planned(ring: EpochRecord | undefined, now: number, shown = true) {
  const plan = planEpoch(ring, now, policy, shown);
  if (plan === undefined) throw new Error("the test expects a plan");
  return plan;
}

// A simulated service: time passes while it runs or is down, its clock steps, its policy changes between starts.

interface Step {
  readonly passes: number;
  readonly policy: KeyPolicy;
}

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

type Plan = typeof planEpoch;

interface Simulation {
  readonly ring: EpochRecord | undefined;
  readonly now: number;
  /** The latest that its clock has shown. */
  readonly latest: number;
  /** Each key as it was made, and the policy that it was made under. */
  readonly made: ReadonlyMap<string, { key: KeyRecord; policy: KeyPolicy }>;
}

/** Runs the steps; throws at the first rule that is broken. */
function simulate(plan: Plan, steps: readonly Step[], shown: boolean): void {
  let simulation: Simulation = { ring: undefined, now: start, latest: start, made: new Map() };
  for (const step of steps) {
    simulation = take(step, plan, simulation, shown);
    signsAndVerifies(simulation, step.policy);
    if (simulation.now === simulation.latest) spentHalvesAreGone(simulation);
  }
}

function take(step: Step, plan: Plan, before: Simulation, shown: boolean): Simulation {
  const now = Math.max(0, before.now + step.passes);
  const next = plan(before.ring, now, step.policy, shown);
  const ring = next === undefined ? before.ring : applyPlan(next, before.made.size + 1);
  if (ring === undefined) throw new Error("rule: a ring");
  rule(plan(ring, now, step.policy, shown) === undefined, "a plan that is carried out asks for nothing more");
  const made = new Map(before.made);
  for (const key of ring.keys.slice(next === undefined ? ring.keys.length : next.keep.length)) {
    rule(!made.has(key.kid), "no kid twice");
    made.set(key.kid, { key, policy: step.policy });
    keepsItsLead(key, ring, step.policy, shown);
  }
  promisesAreKept(before.ring, ring, made);
  return { ring, now, latest: Math.max(before.latest, now), made };
}

function keepsItsLead(key: KeyRecord, ring: EpochRecord, given: KeyPolicy, shown: boolean): void {
  const atOnce = !shown && (ring.reason === "first" || ring.reason === "lapsed") && key.signFrom === key.publishAt;
  const least = given.verifierCache + given.propagation + given.skew;
  rule(key.signFrom - key.publishAt >= least || atOnce, "lead");
  rule(key.publishAt <= ring.createdAt, "published with its epoch");
}

function signsAndVerifies({ ring, now, made }: Simulation, given: KeyPolicy): void {
  if (ring === undefined) throw new Error("rule: a ring");
  const active = signer(ring, now);
  const waiting = nextToSign(ring, now)?.signFrom ?? Infinity;
  rule(active !== undefined || waiting <= now + given.lead, "signs, or will after a lead");
  if (active === undefined) return;
  rule(isVerifiable(ring, active, now), "who signs verifies");
  const { maxTtl, skew } = made.get(active.kid)?.policy ?? given;
  rule(now + maxTtl + skew < active.verifyUntil, "verifies until its last token is over");
}

function spentHalvesAreGone({ ring, now }: Simulation): void {
  rule(
    ring?.keys.every((key) => key.sealed === undefined || now < key.signUntil) ?? false,
    "spent private halves are gone",
  );
}

/** Runs steps that the ring has stock for: from the first moment that a key can sign, some key always can. */
function simulateStocked(plan: Plan, steps: readonly Step[], shown: boolean): void {
  let simulation: Simulation = { ring: undefined, now: start, latest: start, made: new Map() };
  const [first] = steps;
  const wait = shown ? (first?.policy.lead ?? 0) : 0;
  for (const step of first === undefined ? [] : [{ ...first, passes: 0 }, { ...first, passes: wait }, ...steps]) {
    const began = simulation.ring !== undefined;
    simulation = take(step, plan, simulation, shown);
    signsAndVerifies(simulation, step.policy);
    const signs = simulation.ring !== undefined && signer(simulation.ring, simulation.now) !== undefined;
    rule(signs || !began, "some key can always sign");
  }
}

function promisesAreKept(before: EpochRecord | undefined, after: EpochRecord, made: Simulation["made"]): void {
  for (const { sealed: _, ...key } of after.keys) {
    const { sealed: __, ...first } = made.get(key.kid)?.key ?? makeKey(0);
    rule(JSON.stringify(key) === JSON.stringify(first), "a key keeps its times for ever");
  }
  for (const key of before?.keys ?? []) {
    const listed = after.keys.some(({ kid }) => kid === key.kid);
    rule(listed || after.createdAt >= key.verifyUntil + day, "no key goes before a day after its end");
  }
}

function rule(holds: boolean, name: string): void {
  if (!holds) throw new Error(`rule: ${name}`);
}

const forward = fc.integer({ min: 0, max: 20 * day });
const anyStep = fc.oneof(forward, fc.integer({ min: -3 * day, max: 3 * day }), fc.integer({ min: -minute, max: hour }));

function stepsOf(passes: fc.Arbitrary<number>): fc.Arbitrary<Step[]> {
  return policies.chain((fixed) =>
    fc.array(
      passes.map((value) => ({ passes: value, policy: fixed })),
      { maxLength: 60 },
    ),
  );
}

/** Between two looks at most what the ring has stock for. */
const stocked: fc.Arbitrary<Step[]> = policies.chain((fixed) => {
  const longest = fixed.period + fixed.activationDelay - fixed.lead;
  const step = fc.integer({ min: 0, max: longest }).map((passes) => ({ passes, policy: fixed }));
  return fc.array(step, { minLength: 1, maxLength: 60 });
});

type Simulate = typeof simulate;

function property(
  steps: fc.Arbitrary<Step[]>,
  run: Simulate = simulate,
  plan: Plan = planEpoch,
): fc.IProperty<[Step[], boolean]> {
  return fc.property(steps, fc.boolean(), (list, shown) => run(plan, list, shown));
}

// Shrinking a chain of policies takes minutes; the seed and the path are enough to run a failure again.
const runs: fc.Parameters<[Step[], boolean]> = { numRuns: 500, endOnFailure: true, includeErrorInReport: true };

test("with downtimes of up to R + D - lead some key can always sign, and every rule of a key's life holds", (t) => {
  t.notThrows(() => fc.assert(property(stocked, simulateStocked), runs));
});

test("with downtimes of any length every rule holds, and a lapsed ring signs again after its lead", (t) => {
  t.notThrows(() => fc.assert(property(stepsOf(forward)), runs));
});

test("with a clock that steps back and forth nothing is promised twice and no ring stays without a key", (t) => {
  t.notThrows(() => fc.assert(property(stepsOf(anyStep)), runs));
});

test("with another policy at every start the plan comes to rest, and no key's times change", (t) => {
  const steps = fc.array(fc.record({ passes: anyStep, policy: policies }), { maxLength: 60 });
  t.notThrows(() => fc.assert(property(steps), runs));
});

interface Mutant {
  readonly plan: Plan;
  readonly rule: string;
  readonly run?: Simulate;
}

const mutants: Record<string, Mutant> = {
  "a planner without a lead": {
    plan: (ring, now, given, shown) => planEpoch(ring, now, { ...given, lead: 0 }, shown),
    rule: "lead",
  },
  "a planner that forgets the ttl": {
    plan: (ring, now, given, shown) => planEpoch(ring, now, { ...given, maxTtl: 0, stopUsing: 0 }, shown),
    rule: "verifies until its last token is over",
  },
  "a planner that keeps spent private halves": {
    plan: (ring, now, given, shown) => unless("retired", planEpoch(ring, now, given, shown)),
    rule: "spent private halves are gone",
  },
  "a planner that makes a key only when none can sign": {
    plan: (ring, now, given, shown) => unless("scheduled", planEpoch(ring, now, given, shown)),
    run: simulateStocked,
    rule: "some key can always sign",
  },
  "a planner that drops removed keys at once": {
    plan: (ring, now, given, shown) => {
      const plan = planEpoch(ring, now, given, shown);
      return plan && { ...plan, keep: plan.keep.filter((key) => now < key.verifyUntil) };
    },
    rule: "no key goes before a day after its end",
  },
  "a planner that moves the times of a key": {
    plan: (ring, now, given, shown) => {
      const plan = planEpoch(ring, now, given, shown);
      return plan && { ...plan, keep: plan.keep.map((key) => ({ ...key, verifyUntil: key.verifyUntil + 1 })) };
    },
    rule: "a key keeps its times for ever",
  },
};

for (const [name, { plan, rule: broken, run = simulate }] of Object.entries(mutants)) {
  test(`the rules find ${name}`, (t) => {
    const result = fc.check(property(stocked, run, plan), runs);
    t.true(result.failed);
    t.regex(String(result.errorInstance), new RegExp(`rule: ${broken}`));
  });
}

function unless(reason: EpochReason, plan: EpochPlan | undefined): EpochPlan | undefined {
  return plan?.reason === reason ? undefined : plan;
}
