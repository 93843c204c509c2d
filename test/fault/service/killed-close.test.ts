import { spawn } from "node:child_process";
import { once } from "node:events";
import { cp, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { closeWriter } from "../../../src/app/audit/close-writer.ts";
import { loadConfig } from "../../../src/config/load.ts";
import { signet } from "../../cli/terminal.ts";
import { tempFolder } from "../../support/files/temp.ts";
import { readAuditStream } from "../../support/nats/audit-stream.ts";
import { readCheckpoints } from "../../support/nats/checkpoints.ts";
import { serialTestWithNats, startNats } from "../../support/nats/nats-server.ts";
import { signetProcess } from "../../support/service/command-line.ts";
import { startRemote } from "../../support/service/remote-service.ts";
import { issue, processEnv, testEnv } from "../../support/service/service.ts";
import type { Ending } from "../../support/service/shared.ts";
import { waitUntil } from "../../support/wait-until.ts";

const MAIN = fileURLToPath(new URL("../../../src/main.ts", import.meta.url));
const DYING = fileURLToPath(new URL("dying-close.ts", import.meta.url));
/** More than a run has. */
const MAX_STEPS = 60;

/** Runs the command in a process that is killed at a step. Resolves with its signal, or with its code. */
async function closeUntil(
  t: Ending,
  dieAt: number,
  data: string,
  env: Record<string, string>,
  steps: "last" | "all" = "last",
): Promise<string | number> {
  const settings = { ...processEnv(), ...testEnv(data, env), DIE_AT: String(dieAt), STEPS: steps };
  const child = spawn(process.execPath, ["--import", DYING, MAIN, "audit", "close"], {
    env: settings,
    stdio: ["ignore", "ignore", "inherit"],
  });
  t.teardown(() => child.kill("SIGKILL"));
  const [code, signal] = await once(child, "exit");
  return signal ?? code;
}

/** What the stream has of the end of a log. */
async function endIn(url: string) {
  const log = await readAuditStream(url);
  const events = new Map(log.map(({ event }) => [event.eventId, event]));
  const ends = [...events.values()].filter(({ event }) => event?.$case === "writerClosed").length;
  const covered = (await readCheckpoints(url)).at(-1)?.size;
  return { ends, writers: new Set(log.map(({ event }) => event.writer)).size, isCovered: covered === events.size };
}

serialTestWithNats(
  "killed at any step behind the last event of the log, to close it again ends that log, and no other one begins",
  async (t) => {
    t.timeout(600_000, "it starts three processes for each step");
    const nats = await startNats(t);
    const data = await tempFolder(t);
    const env = { SIGNET_NATS_URL: nats.url, SIGNET_STATE_STORE: "nats", SIGNET_STATE_FIRST_START: "true" };
    const gone = await startRemote(t, { data, env });
    await waitUntil("it serves", () =>
      issue(gone).then(
        () => true,
        () => false,
      ),
    );
    const policy = join(await tempFolder(t), "audit.policy");
    await waitUntil("its key is registered", async () => {
      const keys = await signetProcess(["audit", "keys", "--address", gone.process.grpc], { data, env });
      await writeFile(policy, keys.stdout);
      return keys.stdout.includes("log ");
    });
    await nats.kill9();
    await issue(gone);
    await gone.process.kill9();
    const store = await nats.copyStore();
    const outcomes = { killed: 0, open: 0, closed: 0, killedAgain: 0 };
    let wasAtEnd = false;
    for (let dieAt = 1; dieAt <= MAX_STEPS; dieAt++) {
      const [folder, from] = [await tempFolder(t), await tempFolder(t)];
      await Promise.all([cp(data, folder, { recursive: true }), cp(store, from, { recursive: true })]);
      await nats.restart({ from });
      const ended = await closeUntil(t, dieAt, folder, env);
      wasAtEnd = ended === 0;
      if (wasAtEnd) break;
      t.is(ended, "SIGKILL", `step ${dieAt}`);
      outcomes.killed += 1;
      const { ends, isCovered } = await endIn(nats.url);
      outcomes[ends === 1 && isCovered ? "closed" : "open"] += 1;
      if ((await closeUntil(t, 2 * dieAt, folder, env, "all")) !== 0) outcomes.killedAgain += 1;
      const again = await signetProcess(["audit", "close"], { data: folder, env });
      t.deepEqual([again.code, again.stderr], [0, ""], `step ${dieAt}`);
      t.deepEqual(await endIn(nats.url), { ends: 1, writers: 1, isCovered: true }, `step ${dieAt}`);
      const verified = await signet(["audit", "verify", "--policy", policy], { env });
      t.is(verified.code, 0, `step ${dieAt}: ${verified.stdout}`);
      t.like(await closeAgain(folder), { again: true }, `step ${dieAt}`);
      const left = (await readdir(join(folder, "spool"))).filter((name) => /closing|audit-key/.test(name));
      t.deepEqual(left, [], `step ${dieAt}`);
    }
    t.log(outcomes);
    t.true(wasAtEnd, "no step was left out");
    t.true(outcomes.killed >= 8, "it was killed at many steps");
    t.true(outcomes.killedAgain > 0, "and so was what went on");
    t.true(outcomes.open > 0 && outcomes.closed > 0, "control: killed before NATS had the end, and behind that");

    function closeAgain(folder: string) {
      const config = loadConfig({ env: testEnv(folder, env) });
      return closeWriter(config, { waitMs: 60_000, now: Date.now, stderr: process.stderr, say: () => undefined });
    }
  },
);
