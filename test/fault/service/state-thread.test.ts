import { existsSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import test from "ava";
import type { Surroundings } from "../../../src/app/run.ts";
import { openFileKeyValue } from "../../../src/state/file.ts";
import { StateError } from "../../../src/state/keyvalue.ts";
import { tempFolder } from "../../support/files/temp.ts";
import { verdictOf } from "../../support/profiles/dialect.ts";
import { get } from "../../support/service/get.ts";
import { revokeTokens } from "../../support/service/revoke-tokens.ts";
import { failureOf } from "../../support/service/rich-error.ts";
import { issue, startService, verify } from "../../support/service/service.ts";
import type { Ending } from "../../support/service/shared.ts";
import { waitUntil } from "../../support/wait-until.ts";

const FILES = ["state.db", "live.db"];

/** A service whose disk the test holds up, and the types of what it logs. */
async function start(t: Ending, env: Record<string, string> = {}) {
  const logged: string[] = [];
  const surroundings: Partial<Surroundings> = {
    stateThread: new URL("./held-state.ts", import.meta.url),
    log: (_, event) => void logged.push(event.type),
  };
  const service = await startService(t, { env, surroundings });
  return { service, logged, folder: join(service.data, "state") };
}

function isUnlocked(path: string): Promise<boolean> {
  return openFileKeyValue(path, Date.now).then(
    (store) => {
      store.close();
      return true;
    },
    () => false,
  );
}

test.serial(
  "without NATS a service starts two threads: for the audit log, and for both files of the state",
  async (t) => {
    let threads = 0;
    const onWorker = () => {
      threads += 1;
    };
    process.on("worker", onWorker);
    t.teardown(() => process.off("worker", onWorker));
    const { data } = await startService(t);
    t.is(threads, 2);
    for (const file of FILES) t.false(await isUnlocked(join(data, "state", file)), `${file} is open`);
  },
);

test("when the state's thread has died, tokens verify, nothing is issued, health and calls say so, and the log once", async (t) => {
  const { service, logged, folder } = await start(t);
  const { token } = await issue(service);
  await writeFile(join(folder, "state.db.die"), "");
  t.is((await failureOf(revokeTokens(service, { tokenIds: ["a"] }))).reason, "REVOCATIONS_UNAVAILABLE");
  const ready = async () => (await get(`${service.url}/readyz`)).text();
  const reason = "the state's file: its thread has died: restart the service";
  await waitUntil("it is not ready", async () => (await ready()).includes(reason));
  t.is((await failureOf(issue(service))).reason, "KEYS_UNAVAILABLE");
  t.is(verdictOf(await verify(service, token)), "valid");
  await service.app.stop("SIGTERM");
  t.is(logged.filter((type) => type === "store.failed").length, 1);
});

test("a stop ends although the state's disk is held up, and so does the thread", async (t) => {
  const { service, folder } = await start(t, { SIGNET_SHUTDOWN_GRACE: "50ms" });
  await writeFile(join(folder, "state.db.hold"), "");
  const revoking = failureOf(revokeTokens(service, { tokenIds: ["a"] }));
  await waitUntil("the disk is held up", () => existsSync(join(folder, "state.db.held")));
  await service.app.stop("SIGTERM");
  await revoking;
  for (const file of FILES) await waitUntil(`${file} is unlocked`, () => isUnlocked(join(folder, file)));
  t.true(existsSync(join(folder, "state.db.hold")));
});

test("a start that the live store refuses leaves no file of the state locked", async (t) => {
  const data = await tempFolder(t);
  const folder = join(data, "state");
  await mkdir(folder, { mode: 0o700 });
  await writeFile(join(folder, "live.db"), "", { mode: 0o600 });
  await t.throwsAsync(startService(t, { data }), { instanceOf: StateError, code: "CORRUPT", message: /live\.db/ });
  t.true(await isUnlocked(join(folder, "state.db")));
});
