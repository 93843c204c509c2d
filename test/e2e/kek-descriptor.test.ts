import { spawn } from "node:child_process";
import { once } from "node:events";
import { open, readdir, rename } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import test, { type ExecutionContext } from "ava";
import { tempFolder } from "../support/files/temp.ts";
import { signetProcess } from "../support/service/command-line.ts";
import { processEnv, testEnv } from "../support/service/service.ts";
import { spawnService } from "../support/service/service-process.ts";

const MAIN = fileURLToPath(new URL("../../src/main.ts", import.meta.url));

/**
 * Serves with a file as descriptor 3 until it is ready or has ended; then stops it. Answers the events that it logged.
 */
async function served(t: ExecutionContext, data: string, kek: string): Promise<string[]> {
  const file = await open(kek, "r");
  const child = spawn(process.execPath, [MAIN, "serve"], {
    env: { ...processEnv(), ...testEnv(data, { SIGNET_KEK_FILE: "fd:3", SIGNET_LOG_LEVEL: "info" }) },
    stdio: ["ignore", "pipe", "inherit", file.fd],
  });
  t.teardown(() => child.kill("SIGKILL"));
  const exited = once(child, "exit");
  const events: string[] = [];
  for await (const line of createInterface({ input: child.stdout as NodeJS.ReadableStream })) {
    const { event } = JSON.parse(line) as { event: string };
    events.push(event);
    if (event !== "ready") continue;
    child.kill("SIGTERM");
  }
  t.deepEqual(await exited, [0, null]);
  await file.close();
  return events;
}

test("a service whose KEK came through a descriptor opens its keys, and without one ends with 66", async (t) => {
  const data = await tempFolder(t);
  await (await spawnService(t, { data })).stop();
  const kek = join(await tempFolder(t), "kek");
  await rename(join(data, "kek"), kek);
  const events = await served(t, data, kek);
  t.true(events.includes("ready"));
  t.false(events.includes("keys.rotated"), "no new key was made");
  t.false(events.includes("kek.created"));
  const { code, stderr } = await signetProcess(["serve"], { data, env: { SIGNET_KEK_FILE: "fd:4000" } });
  t.is(code, 66);
  t.regex(stderr, /^error: KEK_MISSING: KEK descriptor 4000 is not open/);
  t.false((await readdir(process.cwd())).some((name) => name.startsWith("fd:")));
});
