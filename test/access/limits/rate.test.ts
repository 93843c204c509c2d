import test from "ava";
import fc from "fast-check";
import { type Rate, rateOf, taken, waitNs } from "../../../src/access/limits/rate.ts";
import { WindowOracle } from "./window-oracle.ts";

/** When a bucket of this rate allows one, of the times at which one is asked for. */
function accepted(rate: Rate, times: readonly number[], { wait, take } = { wait: waitNs, take: taken }): number[] {
  let fullAt = Number.NEGATIVE_INFINITY;
  return times.filter((now) => {
    if (wait(fullAt, rate, now) > 0) return false;
    fullAt = take(fullAt, rate, now);
    return true;
  });
}

function acceptedByOracle(rate: Rate, times: readonly number[]): number[] {
  const oracle = new WindowOracle();
  return times.filter((now) => {
    const allowed = oracle.allows(rate, now);
    if (allowed) oracle.accept(now);
    return allowed;
  });
}

const RATES = fc.record({ intervalNs: fc.integer({ min: 1, max: 1_000 }), burst: fc.integer({ min: 1, max: 8 }) });

/** A rate, and times with steps of about an interval, short ones, and pauses in which a bucket fills. */
const SCENARIOS = RATES.chain((rate) => {
  const { intervalNs } = rate;
  const interval = fc.constantFrom(intervalNs - 1, intervalNs, intervalNs + 1);
  const step = fc.oneof(interval, fc.integer({ min: 0, max: 40 }), fc.integer({ min: 0, max: 10_000 }));
  return fc.record({ rate: fc.constant(rate), times: fc.array(step, { maxLength: 60 }).map(timesAfter) });
});

function timesAfter(steps: readonly number[]): number[] {
  let now = 1e15;
  return steps.map((step) => {
    now += step;
    return now;
  });
}

const property = (algorithm?: Parameters<typeof accepted>[2]) =>
  fc.property(SCENARIOS, ({ rate, times }) => {
    const [ours, theirs] = [accepted(rate, times, algorithm), acceptedByOracle(rate, times)];
    return ours.length === theirs.length && ours.every((time, at) => time === theirs[at]);
  });

test("a bucket allows exactly what no window of time has too much of", (t) => {
  t.notThrows(() => fc.assert(property(), { numRuns: 1_000 }));
});

test("negative control: a bucket that refills an interval too early, or counts one too few, is found", (t) => {
  const early = (fullAt: number, rate: Rate, now: number) => waitNs(fullAt - 1, rate, now);
  const generous = (fullAt: number, rate: Rate, now: number) => waitNs(fullAt, { ...rate, burst: rate.burst + 1 }, now);
  for (const wait of [early, generous])
    t.throws(() => fc.assert(property({ wait, take: taken }), { numRuns: 1_000 }), { message: /Property failed/ });
});

test("the wait is exact: one is allowed when it is over, and none a nanosecond before", (t) => {
  const exact = fc.property(SCENARIOS, ({ rate, times }) => {
    let fullAt = Number.NEGATIVE_INFINITY;
    return times.every((now) => {
      const wait = waitNs(fullAt, rate, now);
      const holds =
        waitNs(fullAt, rate, now + wait) === 0 && (wait === 0 || waitNs(fullAt, rate, now + wait - 1) === 1);
      if (wait === 0) fullAt = taken(fullAt, rate, now);
      return holds;
    });
  });
  t.notThrows(() => fc.assert(exact, { numRuns: 1_000 }));
});

test("replicas together allow no more than the limit, and each a burst of 1", (t) => {
  t.deepEqual(rateOf({ perSecond: 20, burst: 50 }, 1), { intervalNs: 50_000_000, burst: 50 });
  t.deepEqual(rateOf({ perSecond: 20, burst: 50 }, 3), { intervalNs: 150_000_000, burst: 16 });
  t.deepEqual(rateOf({ perSecond: 20, burst: 2 }, 3), { intervalNs: 150_000_000, burst: 1 });
  t.deepEqual(rateOf({ perSecond: 0.001, burst: 1 }, 1), { intervalNs: 1e12, burst: 1 });
  const divided = fc.property(
    fc.double({ min: 0.001, max: 1e6, noNaN: true }),
    fc.integer({ min: 1, max: 1e6 }),
    fc.integer({ min: 1, max: 9 }),
    (perSecond, burst, replicas) => {
      const rate = rateOf({ perSecond, burst }, replicas);
      const perReplica = 1e9 / rate.intervalNs;
      return perReplica * replicas <= perSecond * (1 + 1e-9) && (rate.burst === 1 || rate.burst * replicas <= burst);
    },
  );
  t.notThrows(() => fc.assert(divided));
});

test("a rate that was raised forgives what is beyond an empty bucket", (t) => {
  const slow = { intervalNs: 1e12, burst: 100 };
  const fast = { intervalNs: 1e9, burst: 2 };
  let fullAt = 0;
  for (let count = 0; count < 100; count += 1) fullAt = taken(fullAt, slow, 0);
  t.is(waitNs(fullAt, slow, 0), 1e12);
  t.is(waitNs(fullAt, fast, 0), 1e9);
  t.is(waitNs(taken(fullAt, fast, 1e9), fast, 1e9), 2e9 - 1e9);
});
