import test, { type ExecutionContext } from "ava";
import { type Health, type Readiness, startHealth } from "../../src/app/health.ts";
import type { LogEvent } from "../../src/app/log.ts";

/** Health over reasons and a clock that the test moves, with what it has set and logged. */
function healthUnderTest(t: ExecutionContext) {
  const state = { reasons: [] as readonly string[], shutsOut: [] as readonly string[], reached: true, now: 0 };
  const set: [string, boolean][] = [];
  const logged: LogEvent[] = [];
  const told: (readonly string[])[] = [];
  const grpc = {
    address: "",
    load: () => ({ connections: 0, openCalls: 0 }),
    setHealth: (service: string, serving: boolean) => void set.push([service, serving]),
    stop: async () => {},
  };
  const ready: Readiness = {
    waitsFor: () => state.reasons,
    shutsOut: () => state.shutsOut,
    obstacles: () => ({ start: 0, stop: 0, audit: 0, audit_settings: 0, state: 0, keys: 0, socket: 0 }),
    start: () => {},
    stop: () => {},
  };
  const log = (_level: string, event: LogEvent): void => void logged.push(event);
  const health: Health = startHealth(
    grpc,
    ready,
    { verify: () => true, hold: () => state.reached },
    { log, manager: { waitsFor: (reasons) => void told.push(reasons) } },
    () => state.now,
  );
  t.teardown(() => health.stop());
  return { state, set, logged, told, health };
}

test("a status is set when it changes, and not again: every watcher would be sent it", (t) => {
  const { state, set, health } = healthUnderTest(t);
  for (const reasons of [[], [], ["room"], ["room"], ["room", "keys"], []]) {
    state.reasons = reasons;
    health.update();
  }
  t.deepEqual(set, [
    ["verify", true],
    ["hold", true],
    ["issue", true],
    ["issue", false],
    ["issue", true],
  ]);
});

test("a reason that comes and goes each second is logged once a minute, and another one at once", (t) => {
  const { state, logged, health } = healthUnderTest(t);
  for (let second = 0; second < 120; second++) {
    state.now = second * 1000;
    state.reasons = second % 2 === 0 ? [] : [`storage ${second}`];
    health.update();
  }
  t.deepEqual(logged, [
    { type: "waiting", for: ["storage 1"] },
    { type: "waiting", for: ["storage 61"] },
  ]);
  state.reasons = ["a key"];
  health.update();
  t.like(logged.at(-1), { for: ["a key"] });
});

test("what shuts out new callers is logged, and changes no status: connected callers are served", (t) => {
  const { state, set, logged, health } = healthUnderTest(t);
  health.update();
  state.shutsOut = ["a new start"];
  health.update();
  t.deepEqual(logged, [{ type: "waiting", for: ["a new start"] }]);
  t.deepEqual(set, [
    ["verify", true],
    ["hold", true],
    ["issue", true],
  ]);
});

test("the service manager is told what is waited for, and when nothing is", (t) => {
  const { state, told, health } = healthUnderTest(t);
  state.reasons = ["a key"];
  state.shutsOut = ["a new start"];
  health.update();
  state.reasons = [];
  state.shutsOut = [];
  health.update();
  t.deepEqual(told, [["a key", "a new start"], []]);
});

test("after the stop nothing is served, whatever changes", (t) => {
  const { set, health } = healthUnderTest(t);
  health.update();
  health.stop();
  health.update();
  t.deepEqual(set.slice(3), [
    ["issue", false],
    ["hold", false],
    ["verify", false],
    ["answer", false],
  ]);
});

test("sessions are held while their store is reached, whether or not tokens can be issued", (t) => {
  const { state, set, health } = healthUnderTest(t);
  state.reasons = ["a key"];
  for (const reached of [true, false, true]) {
    state.reached = reached;
    health.update();
  }
  t.deepEqual(
    set.filter(([ability]) => ability === "hold").map(([, serving]) => serving),
    [true, false, true],
  );
});
