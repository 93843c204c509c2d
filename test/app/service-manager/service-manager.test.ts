import { setImmediate } from "node:timers/promises";
import test from "ava";
import type { LogEvent } from "../../../src/app/log.ts";
import { createServiceManager } from "../../../src/app/service-manager/service-manager.ts";

const ENV = { NOTIFY_SOCKET: "/run/notify", PATH: "/bin" };

/** A manager that records what it is told, or answers as `answer` does. */
function managerUnderTest(env: NodeJS.ProcessEnv = ENV, answer: () => Promise<void> = async () => {}) {
  const told: Readonly<Record<string, string>>[] = [];
  const logged: LogEvent[] = [];
  const notify = async (fields: Readonly<Record<string, string>>) => {
    told.push(fields);
    await answer();
  };
  const manager = createServiceManager(env, (_level, event) => void logged.push(event), notify);
  return { manager, told, logged };
}

test("nobody is told anything where no service manager has started the service", async (t) => {
  for (const env of [{}, { NOTIFY_SOCKET: "" }, { WATCHDOG_USEC: "1000" }]) {
    const { manager, told } = managerUnderTest(env);
    manager.waitsFor(["a key"]);
    manager.ready();
    manager.reloading();
    manager.stopping("SIGTERM", 1);
    await manager.close();
    t.deepEqual(told, []);
  }
});

test("a start that waits is ready, and says what it waits for", async (t) => {
  const { manager, told } = managerUnderTest();
  manager.waitsFor(["the shared state (NATS)", "a key"]);
  manager.ready();
  await manager.close();
  t.deepEqual(told, [{ READY: "1", STATUS: "Waits for: the shared state (NATS); a key" }]);
});

test("a status is sent when it changes in more than its figures", async (t) => {
  const { manager, told } = managerUnderTest();
  manager.waitsFor([]);
  manager.ready();
  for (const reasons of [[], ["silent for 1 s"], ["silent for 2 s"], []]) {
    await setImmediate();
    manager.waitsFor(reasons);
  }
  await manager.close();
  t.deepEqual(told, [{ READY: "1", STATUS: "Ready" }, { STATUS: "Waits for: silent for 1 s" }, { STATUS: "Ready" }]);
});

test("a status that changed while the manager was slow is sent once, as it is then", async (t) => {
  const slow = Promise.withResolvers<void>();
  const { manager, told } = managerUnderTest(ENV, () => slow.promise);
  manager.ready();
  for (const reason of ["a", "b", "c"]) manager.waitsFor([reason]);
  slow.resolve();
  await manager.close();
  t.deepEqual(told, [{ READY: "1", STATUS: "Waits for: c" }]);
});

test("a reload begins and ends, with the status as it was", async (t) => {
  const { manager, told } = managerUnderTest();
  manager.waitsFor([]);
  manager.ready();
  manager.reloading();
  manager.ready();
  await manager.close();
  const [first, reloading, last, ...more] = told;
  t.deepEqual([first, last, more], [{ READY: "1", STATUS: "Ready" }, { READY: "1", STATUS: "Ready" }, []]);
  t.like(reloading, { RELOADING: "1", STATUS: "Reloading" });
  t.regex(reloading?.MONOTONIC_USEC ?? "", /^\d+$/);
});

test("a stop asks for the time that it may take, and a reload that begins or ends later is not told", async (t) => {
  const { manager, told } = managerUnderTest();
  manager.stopping("SIGTERM", 41_000.2);
  manager.waitsFor(["a new start"]);
  manager.ready();
  manager.reloading();
  manager.ready();
  await manager.close();
  t.deepEqual(told, [{ STOPPING: "1", STATUS: "Stopping: SIGTERM", EXTEND_TIMEOUT_USEC: "41000200" }]);
});

test("a manager that can't be told is logged once, and again after it could", async (t) => {
  const state = { fails: true };
  const { manager, logged } = managerUnderTest(ENV, async () => {
    if (state.fails) throw new Error("no such program");
  });
  for (const fails of [true, true, false, true]) {
    await manager.close();
    state.fails = fails;
    manager.ready();
  }
  await manager.close();
  t.deepEqual(
    logged.map(({ type }) => type),
    ["manager.failed", "manager.failed"],
  );
});

test("the watchdog of another process gets no sign of life, that of this one does", async (t) => {
  const pings = async (pid: number): Promise<number> => {
    const once = Promise.withResolvers<void>();
    const env = { ...ENV, WATCHDOG_USEC: "3000", WATCHDOG_PID: String(pid) };
    const { manager, told } = managerUnderTest(env, async () => once.resolve());
    if (pid === process.pid) await once.promise;
    else manager.ready();
    await manager.close();
    return told.filter((fields) => "WATCHDOG" in fields).length;
  };
  t.true((await pings(process.pid)) > 0);
  t.is(await pings(1), 0);
});
