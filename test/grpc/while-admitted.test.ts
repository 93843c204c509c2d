import { once } from "node:events";
import test from "ava";
import type { Access } from "../../src/access/question.ts";
import { whileAdmitted } from "../../src/grpc/while-admitted.ts";
import { Problem } from "../../src/problem/problem.ts";
import { callerNamed } from "../support/caller.ts";

const question = { method: "WatchKeys" } as const;
const caller = callerNamed("dns:a");

/** An access that can be closed, and tells its listeners. */
function switchable() {
  const listeners = new Set<() => void>();
  let isOpen = true;
  const access: Access = {
    admit() {
      if (!isOpen) throw new Problem("PERMISSION_DENIED", "not allowed");
    },
    admitMalformed() {},
    allows: () => isOpen,
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
  const change = (open: boolean) => {
    isOpen = open;
    for (const listener of [...listeners]) listener();
  };
  return { access, change, listeners };
}

async function* untilAborted(signal: AbortSignal) {
  yield 1;
  if (!signal.aborted) await once(signal, "abort");
}

test("a watch ends with the problem when a change of the policy no longer allows it", async (t) => {
  const { access, change, listeners } = switchable();
  const messages = whileAdmitted({ access, caller, question }, new AbortController().signal, untilAborted);
  t.deepEqual(await messages.next(), { value: 1, done: false });
  const next = messages.next();
  change(true);
  change(false);
  t.is((await t.throwsAsync(next, { instanceOf: Problem }))?.code, "PERMISSION_DENIED");
  t.is(listeners.size, 0, "and nobody listens any more");
});

test("a watch that is not allowed never begins", async (t) => {
  const { access, change } = switchable();
  change(false);
  const messages = whileAdmitted({ access, caller, question }, new AbortController().signal, untilAborted);
  t.is((await t.throwsAsync(messages.next(), { instanceOf: Problem }))?.code, "PERMISSION_DENIED");
});

test("the end of the call ends the watch", async (t) => {
  const { access, listeners } = switchable();
  const call = new AbortController();
  const messages = whileAdmitted({ access, caller, question }, call.signal, untilAborted);
  await messages.next();
  const next = messages.next();
  call.abort();
  t.deepEqual(await next, { value: undefined, done: true });
  t.is(listeners.size, 0);
});
