import { mock } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import test, { type ExecutionContext } from "ava";
import type { Revocation } from "../../src/revoke/revocation.ts";
import { openRevocations } from "../../src/revoke/revocations.ts";
import { createMemoryKeyValue } from "../../src/state/memory.ts";

const NOW = 1_700_000_000_000;
const COMMON = { profile: "service", tenant: "", at: NOW };
const token = (tokenId: string, until: number): Revocation => ({ kind: "token", ...COMMON, tokenId, until });
const subject = (subjectHash: string, until: number): Revocation => ({
  ...{ kind: "subject", ...COMMON, subjectHash, until },
  hashedUnder: "kek-1",
  issuedBefore: 1,
});

async function fixture(t: ExecutionContext) {
  mock.timers.enable({ apis: ["setInterval"] });
  t.teardown(() => mock.timers.reset());
  const clock = { now: NOW };
  const revocations = await openRevocations({
    store: createMemoryKeyValue(() => clock.now),
    now: () => clock.now,
    hashers: [{ keyId: "kek-1", hash: (subject) => subject }],
    contactAgeMs: () => 0,
    onProblem: (error) => t.fail(String(error)),
  });
  t.teardown(() => revocations.stop());
  const passTo = (time: number): void => {
    clock.now = time;
    mock.timers.tick(60_000);
  };
  return { revocations, passTo };
}

test.serial("what has ended leaves the memory within a minute, and nothing else does", async (t) => {
  const { revocations, passTo } = await fixture(t);
  const lasting = [token("b", NOW + 11), subject("d", NOW + 11)];
  await revocations.revoke([token("a", NOW + 10), subject("c", NOW + 10), ...lasting]);
  passTo(NOW + 10);
  t.deepEqual([...revocations.all()], lasting);
});

test.serial("a watch that its reader has left keeps nothing of what comes later", async (t) => {
  const { revocations, passTo } = await fixture(t);
  const watch = revocations.watch(new AbortController().signal)[Symbol.asyncIterator]();
  t.deepEqual(await watch.next(), { value: "current", done: false });
  await watch.return?.();
  const later = new WeakRef(token("a", NOW + 10));
  await revocations.revoke([later.deref()].filter((one) => one !== undefined));
  passTo(NOW + 10);
  setFlagsFromString("--expose-gc");
  const collect: () => void = runInNewContext("gc");
  // What a WeakRef was asked for lives until its turn of the event loop has ended.
  await new Promise(setImmediate);
  collect();
  t.is(later.deref(), undefined);
  t.deepEqual(await watch.next(), { value: undefined, done: true });
});
