import test from "ava";
import type { StreamConfig } from "nats";
import { ensureStream } from "../../src/nats/audit/stream.ts";
import { findOrCreateBucket } from "../../src/nats/bucket/config.ts";
import { LIVE_BUCKET, STATE_BUCKET } from "../../src/nats/bucket/name.ts";
import { judgeSettings, SETTING_RULES } from "../../src/nats/settings.ts";
import { connect } from "../support/nats/connect.ts";
import { startNats, testWithNats } from "../support/nats/nats-server.ts";

const WANTED = {
  bucket: { name: "KV_signet", discard: "new", retention: "limits", storage: "file", max_msgs_per_subject: 1 },
  audit: { name: "SIGNET_AUDIT", discard: "new", retention: "limits", storage: "file" },
} as const;
const ALIKE = { num_replicas: 3, deny_delete: true, duplicate_window: 120e9, subjects: ["a.>"] };

function judged(use: "bucket" | "audit", changed: Readonly<Record<string, unknown>>) {
  const wanted = { ...ALIKE, ...WANTED[use] } as Partial<StreamConfig>;
  return judgeSettings(use, { ...wanted, ...changed } as StreamConfig, wanted);
}

/** What each setting does to the bucket, and to the audit stream. */
const CASES: readonly [changed: Readonly<Record<string, unknown>>, bucket: string, audit: string][] = [
  [{ max_age: 1e9 }, "refused", "alarm"],
  [{ discard: "old" }, "alarm", "alarm"],
  [{ discard: "old", max_bytes: 1000 }, "refused", "refused"],
  [{ discard: "old", max_msgs: 1000 }, "refused", "refused"],
  [{ max_bytes: 1000 }, "alarm", "alarm"],
  [{ max_msgs: 1000 }, "alarm", "alarm"],
  [{ max_msg_size: 131_071 }, "alarm", "alarm"],
  [{ max_msg_size: 131_072 }, "", ""],
  [{ max_msgs_per_subject: 5 }, "alarm", "refused"],
  [{ max_msgs_per_subject: 1 }, "", "refused"],
  [{ max_msgs_per_subject: -1 }, "alarm", ""],
  [{ retention: "interest" }, "refused", "refused"],
  [{ retention: "workqueue" }, "refused", "refused"],
  [{ storage: "memory" }, "refused", "refused"],
  [{ mirror: { name: "other" } }, "refused", "refused"],
  [{ sources: [{ name: "other" }] }, "refused", "alarm"],
  [{ sources: [] }, "", ""],
  [{ subject_transform: { src: "a.>", dest: "b.>" } }, "refused", "refused"],
  [{ max_consumers: 3 }, "alarm", ""],
  [{ discard_new_per_subject: true }, "alarm", "alarm"],
  [{ subjects: ["a.b"] }, "alarm", "alarm"],
  [{ num_replicas: 1 }, "alarm", "alarm"],
  [{ num_replicas: 5 }, "", ""],
  [{ no_ack: true }, "alarm", "alarm"],
  [{ sealed: true }, "alarm", "alarm"],
  [{ persist_mode: "async" }, "alarm", "alarm"],
  [{ allow_msg_counter: true }, "alarm", "alarm"],
  [{ allow_msg_ttl: true, subject_delete_marker_ttl: 1e9 }, "alarm", "alarm"],
  [{ deny_delete: false }, "alarm", "alarm"],
  [{ deny_purge: false }, "", ""],
  [{ deny_purge: true }, "alarm", ""],
  [{ allow_rollup_hdrs: true }, "", "alarm"],
  [{ duplicate_window: 119e9 }, "", "alarm"],
  [{ duplicate_window: 600e9 }, "", ""],
  [{ republish: { src: "a.>", dest: "b.>" } }, "alarm", ""],
  [{ compression: "s2", first_seq: 9, placement: { cluster: "c" }, allow_direct: true, metadata: { a: "b" } }, "", ""],
  [{ forget_after: 9 }, "alarm", "alarm"],
];

for (const [changed, ...verdicts] of CASES)
  test(`${JSON.stringify(changed)} is judged for both streams`, (t) => {
    const [first = ""] = Object.keys(changed);
    const found = (["bucket", "audit"] as const).map((use) => {
      const { refused, alarms } = judged(use, changed);
      t.true(refused.length + alarms.length <= 1);
      for (const text of [...refused, ...alarms]) t.true(text.startsWith(`${first} `), text);
      return refused.length > 0 ? "refused" : alarms.length > 0 ? "alarm" : "";
    });
    t.deepEqual(found, verdicts);
  });

test("every rule of the table has a case", (t) => {
  const settings = new Set(CASES.flatMap(([changed]) => Object.keys(changed)));
  t.deepEqual(
    SETTING_RULES.map(({ setting }) => setting).filter((setting) => !settings.has(setting)),
    [],
  );
});

test("a finding names the setting, what is allowed, what happens, and the way out", (t) => {
  t.deepEqual(judged("bucket", { max_age: 3600e9 }).refused, [
    "max_age of KV_signet is 3600 s, allowed is off: whatever reaches that age disappears " +
      "(nats stream edit KV_signet --max-age=0s)",
  ]);
  t.deepEqual(judged("audit", { storage: "memory" }).refused, [
    'storage of SIGNET_AUDIT is "memory", allowed is "file": a restart of the server forgets everything ' +
      "(delete the stream: see docs/operations.md)",
  ]);
  t.deepEqual(judged("audit", { forget_after: 9 }).alarms, [
    "forget_after of SIGNET_AUDIT is 9: this version of Signet does not know it",
  ]);
});

testWithNats(
  "the streams that Signet creates have no findings on this server, which knows no other setting",
  async (t) => {
    const { url } = await startNats(t);
    const connection = await connect({ servers: url });
    const manager = await connection.jetstreamManager();
    for (const name of [STATE_BUCKET, LIVE_BUCKET]) {
      const { config } = await findOrCreateBucket(manager, name, 1);
      t.deepEqual(judgeSettings(name.use, config, config), { refused: [], alarms: [] });
    }
    t.deepEqual((await ensureStream(connection, 1)).settings, { refused: [], alarms: [] });
    await connection.close();
  },
);
