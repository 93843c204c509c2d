import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { wantedStream } from "../../../src/nats/audit/stream.ts";
import { signet } from "../../cli/terminal.ts";
import { archiveWorld, startWriter } from "../../support/audit/archive-world.ts";
import { fillDisk, smallDisk, testWithSmallDisk } from "../../support/files/small-disk.ts";
import { serialTestWithNats } from "../../support/nats/nats-server.ts";
import { startTcpProxy, type TcpProxy } from "../../support/nats/tcp-proxy.ts";
import { folderWithVariant } from "../../support/profiles/profiles-folder.ts";
import { startRemote } from "../../support/service/remote-service.ts";
import { failureOf } from "../../support/service/rich-error.ts";
import { issue, processEnv, verify } from "../../support/service/service.ts";
import { waitUntil } from "../../support/wait-until.ts";

const MAIN = fileURLToPath(new URL("../../../src/main.ts", import.meta.url));
const DYING = fileURLToPath(new URL("dying.ts", import.meta.url));
/** More than a run has. */
const MAX_STEPS = 60;

/** Runs the command in a process that is killed at a step. Resolves with its signal, or with its code. */
async function archiveUntil(dieAt: number, url: string, words: readonly string[]): Promise<string | number> {
  const args = ["--import", DYING, MAIN, "audit", "archive", ...words];
  const env = { ...processEnv(), SIGNET_NATS_URL: url, DIE_AT: String(dieAt) };
  const child = spawn(process.execPath, args, { env, stdio: ["ignore", "ignore", "inherit"] });
  const [code, signal] = await once(child, "exit");
  return signal ?? code;
}

serialTestWithNats("an archiver that is killed at any step loses no event, and the next run goes on", async (t) => {
  const world = await archiveWorld(t);
  const writer = await startWriter(t, world.nats, "one");
  const policy = await world.policyOf(writer.policyLine);
  const words = ["--dir", world.dir, "--policy", policy];
  const written: string[] = [];
  let killed = 0;
  for (let dieAt = 1; dieAt <= MAX_STEPS; dieAt++) {
    await writer.write(2);
    await writer.checkpoint();
    if ((await archiveUntil(dieAt, world.nats.url, words)) === 0) break;
    killed += 1;
    const left = (await world.state()).messages === 0 ? "" : await readFile(await world.exported(), "utf8");
    const found = new Set([...(await world.lines()), ...left.split("\n")]);
    written.splice(0, written.length, ...(await writer.bodies()));
    t.deepEqual(
      written.filter((body) => !found.has(body)),
      [],
      `killed at step ${dieAt}`,
    );
  }
  t.true(killed >= 12, `it was killed at ${killed} steps`);
  t.like(await world.archive("--policy", policy), { code: 0 });
  t.is((await world.state()).messages, 0);
  const verdict = await world.verify(policy);
  t.true(verdict.proven);
  t.is(verdict.writers[0].log.checkpoint.size, (await writer.bodies()).length);
  t.log(`killed at ${killed} steps: ok ${verdict.writers[0].events}, lost 0, unknown 0`);
  // The negative control: without a file of the archive, the same check finds what is lost.
  await rm(join(world.dir, "audit-000001.ndjson"));
  const rest = new Set(await world.lines());
  t.true(written.some((body) => !rest.has(body)));
});

testWithSmallDisk("a full disk under the archive: nothing leaves the stream, and with room all does", async (t) => {
  const world = await archiveWorld(t);
  const writer = await startWriter(t, world.nats, "one");
  const policy = await world.policyOf(writer.policyLine);
  await writer.write(40);
  await writer.checkpoint();
  const disk = await smallDisk(t, 1 << 20);
  const filler = await fillDisk(disk);
  const run = () => signet(["audit", "archive", "--dir", disk, "--policy", policy], { env: world.env, now: world.now });
  const { code, stderr } = await run();
  t.is(code, 2);
  t.regex(stderr, /FILE: .*ENOSPC/);
  t.like(await world.state(), { first_seq: 1, messages: 41 });
  await rm(filler);
  t.is((await run()).code, 0, "control");
  t.is((await world.state()).messages, 0);
});

serialTestWithNats("NATS is lost while the archiver reads, or answers nothing: the next run goes on", async (t) => {
  const world = await archiveWorld(t);
  const writer = await startWriter(t, world.nats, "one");
  const policy = await world.policyOf(writer.policyLine);
  const through = (url: string) =>
    signet(["audit", "archive", "--dir", world.dir, "--policy", policy], {
      env: { SIGNET_NATS_URL: url },
      now: world.now,
    });
  await writer.write(30);
  await writer.checkpoint();
  let isCut = false;
  const proxy: TcpProxy = await startTcpProxy(t, world.nats.url, (said) => {
    // Its first answer to a reader is lost, and the connection with it.
    if (isCut || !said.includes("consumer_create_response")) return said;
    isCut = true;
    proxy.cut();
    return "";
  });
  const run = through(proxy.url);
  await waitUntil("it begins to read", () => isCut);
  t.like(await world.state(), { first_seq: 1, messages: 31 }, "nothing is trimmed");
  t.false((await world.names()).some((name) => name.endsWith(".json")));
  proxy.heal();
  const { code } = await run;
  if (code !== 0) t.is((await world.archive("--policy", policy)).code, 0);
  t.is((await world.state()).messages, 0);
  await writer.write(3);
  await writer.checkpoint();
  const deaf = await startTcpProxy(t, world.nats.url, (said) => (said.includes("stream_purge_response") ? "" : said));
  const unanswered = await through(deaf.url);
  t.is(unanswered.code, 2);
  t.regex(unanswered.stderr, /trimming SIGNET_AUDIT: no answer in time/);
  t.like(await world.archive("--policy", policy), { code: 0, done: [{ type: "nothing" }] });
  t.true((await world.verify(policy)).proven);
  t.is((await world.lines()).length, 35);
});

serialTestWithNats("a full stream stops issuing and not verifying, and archiving brings issuing back", async (t) => {
  const world = await archiveWorld(t);
  await world.manager.streams.add({ ...wantedStream(1), max_bytes: 200_000 });
  const writer = await startWriter(t, world.nats, "one");
  const policy = await world.policyOf(writer.policyLine);
  await writer.write(50);
  await writer.checkpoint();
  const profiles = await folderWithVariant(t, "service", "ledger", { "audit: {": "audit: { mode: strict," });
  const env = { SIGNET_NATS_URL: world.nats.url, SIGNET_PROFILES_FOLDER: profiles };
  const service = await startRemote(t, { env });
  const strict = { profile: "ledger" };
  let token = "";
  const isIssued = () =>
    issue(service, strict).then(
      (answer) => {
        token = answer.token;
        return true;
      },
      () => false,
    );
  await waitUntil("strict tokens are issued", isIssued);
  // The smaller ones take the room that the larger ones leave.
  for (const bytes of [5000, 50]) {
    const takesNone = () =>
      world.connection
        .jetstream()
        .publish("signet.audit.token.issued.filler", Buffer.alloc(bytes))
        .then(
          () => false,
          ({ api_error: error }) => error?.err_code === 10077,
        );
    await waitUntil("the stream takes nothing", takesNone);
  }
  t.like(await failureOf(issue(service, strict)), { code: "UNAVAILABLE", reason: "AUDIT_NOT_FORWARDED" });
  t.true((await verify(service, token)).valid, "verifying goes on");
  // The events of the other writer, which lie before those of the service.
  const { code, done } = await world.archive("--policy", policy, "--keep-bytes", "165000");
  t.deepEqual([code, done[0].type, done[0].trimmed], [0, "archived", true]);
  await waitUntil("strict tokens are issued again", isIssued);
});
