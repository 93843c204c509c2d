import test from "ava";
import { createClockCheck, type MeasuredOffset } from "../../src/replica/clock-check.ts";

const ALLOWED = 60_000;

/** A check whose clocks and whose store a test moves. `world` is the true time. */
function checkUnderTest() {
  const clock = { wall: 1_800_000_000_000, steady: 0, world: 1_800_000_000_000, bound: 5 };
  const asked = { count: 0 };
  const reports: { agrees: boolean; offsetMs: number }[] = [];
  let reachable = true;
  const check = createClockCheck({
    async measure(): Promise<MeasuredOffset> {
      asked.count += 1;
      if (!reachable) throw new Error("unreachable");
      return { offsetMs: clock.world - clock.wall, boundMs: clock.bound };
    },
    now: () => clock.wall,
    monotonic: () => clock.steady,
    allowedMs: ALLOWED,
    report: (event) => void reports.push(event),
  });
  const pass = (ms: number) => {
    for (const each of ["wall", "steady", "world"] as const) clock[each] += ms;
  };
  const cut = () => {
    reachable = false;
  };
  const join = () => {
    reachable = true;
  };
  return { check, clock, asked, reports, pass, cut, join };
}

test("before it was ever asked nothing speaks against a clock", (t) => {
  const { check } = checkUnderTest();
  t.is(check.offsetMs(), undefined);
  t.true(check.agrees());
});

test("a clock is measured when the store has answered, and not by a question alone", async (t) => {
  const { check, cut, join } = checkUnderTest();
  let measured = false;
  void check.measured.then(() => {
    measured = true;
  });
  cut();
  await check.look();
  t.false(measured);
  join();
  await check.look();
  t.true(measured);
});

test("a clock may differ by what is allowed plus the error of the measurement, and not by more", async (t) => {
  for (const [difference, agrees] of [
    [ALLOWED + 5, true],
    [-ALLOWED - 5, true],
    [ALLOWED + 6, false],
    [-ALLOWED - 6, false],
  ] as const) {
    const { check, clock } = checkUnderTest();
    clock.wall += difference;
    await check.look();
    t.is(check.offsetMs(), -difference);
    t.is(check.agrees(), agrees, String(difference));
  }
});

test("a clock that is set is detected at once, without asking, and reported once", async (t) => {
  const { check, clock, asked, reports } = checkUnderTest();
  await check.look();
  clock.wall += 3_600_000;
  t.false(check.agrees());
  t.false(check.agrees());
  t.is(asked.count, 1);
  t.deepEqual(reports, [{ agrees: false, offsetMs: -3_600_000 }]);
});

test("it agrees again when it is set right, which is reported", async (t) => {
  const { check, clock, reports } = checkUnderTest();
  await check.look();
  clock.wall -= 86_400_000;
  t.false(check.agrees());
  await check.look();
  t.false(check.agrees(), "asking does not change it");
  clock.wall += 86_400_000;
  t.true(check.agrees());
  t.deepEqual(
    reports.map(({ agrees }) => agrees),
    [false, true],
  );
});

test("the store is asked every ten seconds, and at the next look after the clock was set by more than a second", async (t) => {
  const { check, clock, asked, pass } = checkUnderTest();
  await check.look();
  pass(9_999);
  await check.look();
  t.is(asked.count, 1);
  pass(1);
  await check.look();
  t.is(asked.count, 2);
  clock.wall += 1_000;
  await check.look();
  t.is(asked.count, 2, "a second is corrected all the time");
  clock.wall += 1;
  await check.look();
  t.is(asked.count, 3);
});

test("while the store is unreachable it goes by the monotonic clock", async (t) => {
  const { check, clock, pass, cut } = checkUnderTest();
  await check.look();
  cut();
  pass(3_600_000);
  await check.look();
  t.true(check.agrees());
  clock.wall += ALLOWED + 1_000;
  await check.look();
  t.false(check.agrees());
});

test("a machine that slept, whose monotonic clock stood still, differs until the store was asked", async (t) => {
  const { check, clock } = checkUnderTest();
  await check.look();
  clock.wall += 3_600_000;
  clock.world += 3_600_000;
  t.false(check.agrees());
  await check.look();
  t.true(check.agrees());
});

test("a measurement during which the clock was set counts for nothing", async (t) => {
  const clock = { wall: 1_000_000_000_000, steady: 0 };
  const check = createClockCheck({
    async measure() {
      const offset = { offsetMs: 0, boundMs: 1 };
      clock.wall += 3_600_000;
      return offset;
    },
    now: () => clock.wall,
    monotonic: () => clock.steady,
    allowedMs: ALLOWED,
    report: () => {},
  });
  await check.look();
  t.is(check.offsetMs(), undefined);
});
