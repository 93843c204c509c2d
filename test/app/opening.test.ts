import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { Log } from "../../src/app/log.ts";
import type { AuditEvent } from "../../src/audit/event.ts";
import { tempFolder } from "../support/files/temp.ts";
import { startNats, testWithNats } from "../support/nats/nats-server.ts";
import { startService } from "../support/service/service.ts";
import { waitUntil } from "../support/wait-until.ts";

/** Of the profiles that come with the service. */
const KEYSETS = ["euler-stream", "service"];

testWithNats(
  "a start that is tried again, since the shared state is unreachable, reports its events once",
  async (t) => {
    const nats = await startNats(t);
    const data = await tempFolder(t);
    const env = { SIGNET_STATE_STORE: "nats", SIGNET_STATE_FIRST_START: "true", SIGNET_NATS_URL: nats.url };
    const logged: string[] = [];
    const log: Log = (_, event) => void logged.push(event.type);
    const first = await startService(t, { data, env, surroundings: { log } });
    await waitUntil("it is ready", () => logged.includes("ready"));
    await first.app.stop("TEST");
    await nats.kill9();
    // The rings are remembered, and it is not known whether there are secrets.
    await rm(join(data, "snapshots", "secrets"));
    logged.length = 0;
    const reported: AuditEvent[] = [];
    await startService(t, {
      data,
      env,
      surroundings: {
        log,
        wrapAudit: (audit) => ({
          append(event, time) {
            reported.push(event);
            return audit.append(event, time);
          },
        }),
      },
    });
    await waitUntil("it has failed", () => logged.includes("keys.failed"));
    await nats.restart();
    await waitUntil("it is ready", () => logged.includes("ready"));
    const named = reported.map((event) => [event.type, "keyset" in event ? event.keyset : ""]);
    t.deepEqual(
      named.filter(([type]) => type !== "key.published"),
      [["service.started", ""], ...KEYSETS.map((keyset) => ["key.rotated", keyset])],
    );
    // As soon as a ring is there, and once for each of its three keys, however often the start is tried.
    t.deepEqual(
      named.filter(([type]) => type === "key.published").toSorted(),
      KEYSETS.flatMap((keyset) => Array.from({ length: 3 }, () => ["key.published", keyset])),
    );
  },
);
