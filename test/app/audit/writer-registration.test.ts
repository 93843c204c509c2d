import test from "ava";
import { createRegistration } from "../../../src/app/audit/writer-registration.ts";
import type { AuditPipeline } from "../../../src/audit/pipeline.ts";
import { StateError } from "../../../src/state/keyvalue.ts";
import { waitUntil } from "../../support/wait-until.ts";

type Log = NonNullable<AuditPipeline["log"]>;

const logOf = (writer: string, more: Partial<Log> = {}): Log => ({
  ...{ writer, origin: `h/audit/${writer}`, verifierKey: `key of ${writer}`, reason: "NEW" },
  ...{ predecessor: "", predecessorOrigin: "", ...more },
});

/** A state that takes what it is given while it is up, and a log that a test exchanges. */
function registering() {
  const state = { up: true, current: logOf("a"), warnings: 0 };
  const done: string[] = [];
  const tries = { count: 0 };
  let held: Promise<void> | undefined;
  const attempt = async (what: string) => {
    tries.count += 1;
    await held;
    if (!state.up) throw new StateError("UNAVAILABLE", "down");
    done.push(what);
    return undefined as never;
  };
  const stopping = new AbortController();
  const register = createRegistration({
    pipeline: {
      get log() {
        return state.current;
      },
      registered: (writer) => void done.push(`may sign ${writer}`),
    },
    writers: {
      register: ({ writer }) => attempt(`active ${writer}`),
      end: (writer, how) => attempt(`${how} ${writer}`),
    },
    log() {
      state.warnings += 1;
    },
    stopping: stopping.signal,
    retryMs: 1,
  });
  const hold = () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    held = promise;
    return () => {
      held = undefined;
      resolve();
    };
  };
  return { register, state, done, tries, hold, stopping };
}

test("a log is registered, and then may sign; the one before a new key is closed", async (t) => {
  const { register, state, done } = registering();
  await register();
  t.deepEqual(done.splice(0), ["active a", "may sign a"]);
  state.current = logOf("b", { reason: "KEY_ROTATED", predecessor: "a" });
  await register();
  t.deepEqual(done, ["active b", "closed a", "may sign b"]);
});

test("behind a log that was closed for good its end is registered too, and that of one that was left is not", async (t) => {
  const { register, state, done } = registering();
  state.current = logOf("b", { reason: "NEW", predecessor: "a" });
  await register();
  t.deepEqual(done.splice(0), ["active b", "closed a", "may sign b"]);
  state.current = logOf("c", { reason: "BEHIND_CHECKPOINT", predecessor: "b" });
  await register();
  t.deepEqual(done, ["active c", "may sign c"]);
});

test("however often it is asked for while the state is down, one registration tries, and warns once", async (t) => {
  const { register, state, done, tries } = registering();
  state.up = false;
  const asked = [register(), register(), register()];
  await waitUntil("it has tried again", () => tries.count > 3);
  state.up = true;
  await Promise.all(asked);
  t.deepEqual(done, ["active a", "may sign a"]);
  t.is(state.warnings, 1);
});

test("a log that was replaced while it was registered may not sign, and its end is not undone", async (t) => {
  const { register, state, done, hold } = registering();
  const release = hold();
  const first = register();
  state.current = logOf("b", { reason: "KEY_ROTATED", predecessor: "a" });
  const second = register();
  release();
  await Promise.all([first, second]);
  t.deepEqual(done, ["active a", "active b", "closed a", "may sign b"]);
});

test("a service that stops waits for no registration", async (t) => {
  const { register, state, done, stopping, tries } = registering();
  state.up = false;
  const asked = register();
  await waitUntil("it has tried", () => tries.count > 0);
  stopping.abort();
  await asked;
  t.deepEqual(done, []);
});
