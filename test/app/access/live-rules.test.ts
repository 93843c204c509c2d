import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import test from "ava";
import { openRules, watchPolicies } from "../../../src/app/access/live-rules.ts";
import type { LogEvent } from "../../../src/app/log.ts";
import { createShutdown } from "../../../src/async/shutdown.ts";
import { loadConfig } from "../../../src/config/load.ts";
import { filesIn } from "../../support/files/config-files.ts";
import { tinyProfile } from "../../support/profiles/tiny-profile.ts";
import { waitUntil } from "../../support/wait-until.ts";

const policy = (rule: string) => `groups: { all: { callers: [loopback], rules: [${rule}] } }`;
const VERIFY = "{ methods: [VerifyToken], profiles: any }";

test("a change that the audit log does not take is logged once for each cause, however often it is tried", async (t) => {
  const file = join(await filesIn(t, { "policy.yaml": policy(VERIFY) }), "policy.yaml");
  const config = loadConfig({ env: { SIGNET_ACCESS_POLICY: file } });
  const failed: unknown[] = [];
  let cause: Error | undefined = new Error("full");
  const endings = createShutdown((error) => t.log(error));
  t.teardown(() => endings.end(1_000));
  const live = openRules({
    ...{ config, endings, now: Date.now, stopping: new AbortController().signal },
    audit: {
      async append() {
        if (cause !== undefined) throw cause;
      },
    },
    counter: { count() {}, stop: async () => {} },
    log(_severity: string, event: LogEvent) {
      if (event.type === "profiles.failed") failed.push((event.error as Error).message);
    },
  });
  const initial = live.current();
  await writeFile(file, policy(`${VERIFY}, { methods: [ListKeys] }`));
  for (let time = 0; time < 3; time += 1) await live.reload();
  t.deepEqual(failed, ["full"]);
  cause = new Error("its disk failed");
  for (let time = 0; time < 3; time += 1) await live.reload();
  t.deepEqual(failed, ["full", "its disk failed"]);
  t.is(live.current(), initial);
  cause = undefined;
  await live.reload();
  t.not(live.current(), initial);
});

test("the log says whether the policy or a profile is at fault, and that a policy is gone", async (t) => {
  const folder = await filesIn(t, { "policy.yaml": policy(VERIFY) });
  const file = join(folder, "policy.yaml");
  const profiles = await filesIn(t, { "tiny.yaml": tinyProfile() });
  const config = loadConfig({ env: { SIGNET_ACCESS_POLICY: file, SIGNET_PROFILES_FOLDER: profiles } });
  const logged: string[] = [];
  const log = (_severity: string, event: LogEvent) => logged.push(event.type);
  const endings = createShutdown((error) => t.log(error));
  t.teardown(() => endings.end(1_000));
  const live = openRules({
    ...{ config, endings, log, now: Date.now, stopping: new AbortController().signal },
    audit: { append: async () => {} },
    counter: { count() {}, stop: async () => {} },
  });
  const afterReload = async () => {
    await live.reload();
    return logged.splice(0);
  };
  await writeFile(file, "groups: 1");
  t.deepEqual(await afterReload(), ["policy.refused"]);
  await writeFile(join(profiles, "tiny.yaml"), "profile: 1");
  t.deepEqual(await afterReload(), ["policy.refused", "profiles.refused"]);
  await writeFile(file, policy(VERIFY));
  t.deepEqual(await afterReload(), ["profiles.refused"]);

  watchPolicies(config, live, log, endings);
  await rm(file);
  await waitUntil("the log says that the policy is gone", async () => logged.length > 0);
  t.deepEqual(logged, ["policy.failed"]);
});
