import test from "ava";
import { createFailureFilter, createKeyringReporter } from "../../../src/app/keys/keyring-events.ts";
import type { AuditEvent } from "../../../src/audit/event.ts";

test("keys that were dropped are an error in the log, and an event that names them", async (t) => {
  const lines: unknown[] = [];
  const appended = Promise.withResolvers<AuditEvent>();
  const tell = createKeyringReporter({
    audit: { append: async (event) => appended.resolve(event) },
    log: (level, line) => lines.push([level, line]),
    isNew: () => true,
    now: () => 0,
    stopping: new AbortController().signal,
  });
  tell({ type: "dropped", keyset: "service", epoch: 7, kids: ["one", "two"] });
  t.deepEqual(lines, [["error", { type: "keys.dropped", keyset: "service", epoch: 7, kids: ["one", "two"] }]]);
  t.deepEqual(await appended.promise, {
    ...{ type: "key.rotated", keyset: "service", keysetEpoch: 7, added: [], removed: ["one", "two"] },
    ...{ reason: "dropped", caller: undefined, signingKeyId: "", signsFrom: undefined },
  });
});

test("a failure is new once, and again when it has not occurred for 15 seconds, whatever else fails meanwhile", (t) => {
  let now = 0;
  const isNew = createFailureFilter(() => now);
  const seen: number[] = [];
  for (; now <= 60_000; now += 1_000) {
    t.true(isNew("service", new Error(`entry ${now}`)));
    if ((now <= 20_000 || now >= 40_000) && isNew("service", new Error("lasting"))) seen.push(now);
  }
  t.deepEqual(seen, [0, 40_000]);
  now = -60_000;
  t.true(isNew("service", new Error("lasting")), "a clock that was set back silences nothing");
});
