import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { Happening } from "../../src/audit/event.ts";
import { startNats, testWithNats } from "../support/nats-server.ts";
import { startService } from "../support/service.ts";
import { tempFolder } from "../support/temp.ts";
import { waitUntil } from "../support/wait-until.ts";

testWithNats(
  "a start that is tried again, since the shared state is out of reach, tells no event each time",
  async (t) => {
    const nats = await startNats(t);
    const data = await tempFolder(t);
    const env = { SIGNET_STATE_STORE: "nats", SIGNET_STATE_FIRST_START: "true", SIGNET_NATS_URL: nats.url };
    const logged: string[] = [];
    const log = (_: string, { event }: { readonly event: string }) => void logged.push(event);
    const first = await startService(t, { data, env, surroundings: { log } });
    await waitUntil("it is ready", () => logged.includes("ready"));
    await first.app.stop("TEST");
    await nats.kill9();
    // The rings are remembered, and it is not known whether there are secrets.
    await rm(join(data, "snapshots", "secrets"));
    logged.length = 0;
    const told: Happening[] = [];
    await startService(t, {
      data,
      env,
      surroundings: {
        log,
        wrapAudit: (audit) => ({
          append(happening, time) {
            told.push(happening);
            return audit.append(happening, time);
          },
        }),
      },
    });
    await waitUntil("it was tried often", () => logged.filter((event) => event === "keys.failed").length > 8);
    t.deepEqual(
      told.map(({ type }) => type),
      ["service.started"],
    );
  },
);
