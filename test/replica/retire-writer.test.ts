import test from "ava";
import { AuditError, type AuditEvent } from "../../src/audit/event.ts";
import { Problem } from "../../src/problem/problem.ts";
import type { AuditWriter, AuditWriters } from "../../src/replica/audit-writers.ts";
import { createRetireWriter } from "../../src/replica/retire-writer.ts";
import { StateError } from "../../src/state/keyvalue.ts";

const CALLER = { name: "operator", proof: "mtls", address: "192.0.2.1" } as const;
const record = (writer: string, state: AuditWriter["state"]): AuditWriter => ({
  ...{ writer, origin: `h/audit/${writer}`, verifierKey: "key", state, registeredAt: 1 },
  endedAt: state === "active" ? undefined : 2,
});

function retiring(
  records: readonly AuditWriter[],
  overrides: { append?: () => Promise<void>; find?: () => Promise<never> } = {},
) {
  const events: AuditEvent[] = [];
  const ended: string[] = [];
  const writers: Pick<AuditWriters, "find" | "end"> = {
    find: overrides.find ?? (async (writer) => records.find((one) => one.writer === writer)),
    async end(writer, state) {
      ended.push(writer);
      return record(writer, state);
    },
  };
  const append = overrides.append ?? (async (event: AuditEvent) => void events.push(event));
  const retire = createRetireWriter({
    writers: writers as AuditWriters,
    running: () => ["here"],
    audit: { append },
    now: () => 5,
  });
  return { events, ended, retire: (writer: string, reason = "lost") => retire({ writer, reason }, CALLER) };
}

test("a lost writer is retired, and an event says why", async (t) => {
  const { retire, events, ended } = retiring([record("gone", "active")]);
  t.is((await retire("gone")).state, "retired");
  t.deepEqual(ended, ["gone"]);
  t.like(events[0], { type: "writer.retired", retiredWriter: "gone", origin: "h/audit/gone", reason: "lost" });
});

test("a writer that was retired already stays so, without a second event", async (t) => {
  const { retire, events } = retiring([record("gone", "retired")]);
  t.is((await retire("gone")).state, "retired");
  t.deepEqual(events, []);
});

for (const [what, writer, code] of [
  ["that runs", "here", "WRITER_NOT_LOST"],
  ["that is closed", "closed", "WRITER_NOT_LOST"],
  ["that nobody knows", "unknown", "WRITER_NOT_FOUND"],
  ["of no good form", "../x", "INVALID_REQUEST"],
] as const)
  test(`a writer ${what} is not retired`, async (t) => {
    const { retire, events, ended } = retiring([record("here", "active"), record("closed", "closed")]);
    await t.throwsAsync(retire(writer), { instanceOf: Problem, code });
    t.deepEqual([events, ended], [[], []]);
  });

test("without a reason nobody is retired", async (t) => {
  await t.throwsAsync(retiring([record("gone", "active")]).retire("gone", ""), { code: "INVALID_REQUEST" });
});

test("without its event a writer stays active, and an unreachable state says so", async (t) => {
  const append = () => Promise.reject(new AuditError("UNAVAILABLE", "no"));
  const full = retiring([record("gone", "active")], { append });
  await t.throwsAsync(full.retire("gone"), { code: "AUDIT_UNAVAILABLE" });
  t.deepEqual(full.ended, []);
  const find = () => Promise.reject(new StateError("UNAVAILABLE", "no"));
  await t.throwsAsync(retiring([], { find }).retire("gone"), { code: "AUDIT_KEYS_UNAVAILABLE" });
});
