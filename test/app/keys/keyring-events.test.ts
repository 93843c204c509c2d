import test from "ava";
import { createKeyringReporter } from "../../../src/app/keys/keyring-events.ts";
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
    ...{ reason: "dropped", caller: "" },
  });
});
