import { cp, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { tempFolder } from "../../support/files/temp.ts";
import { type AuditMessage, readAuditStream } from "../../support/nats/audit-stream.ts";
import { readCheckpoints } from "../../support/nats/checkpoints.ts";
import { startNats, testWithNats } from "../../support/nats/nats-server.ts";
import { signetProcess } from "../../support/service/command-line.ts";
import { allForwarded, type RemoteService, startRemote, untilLogged } from "../../support/service/remote-service.ts";
import { issue } from "../../support/service/service.ts";
import { waitUntil } from "../../support/wait-until.ts";

const isClosed = ({ event }: AuditMessage) => event.event?.$case === "writerClosed";

/** Whether a file of a spool is of a log that has ended. */
const isOfEnd = (name: string) => /closing|audit-key/.test(name);

async function untilServing(service: RemoteService): Promise<void> {
  await waitUntil("it serves", () =>
    issue(service).then(
      () => true,
      () => false,
    ),
  );
}

async function issueWhenServing(service: RemoteService) {
  await untilServing(service);
  return issue(service);
}

testWithNats(
  "a replica that is taken away for good is closed in its data folder, with the events that NATS had not got",
  async (t) => {
    const nats = await startNats(t);
    const [data, otherData] = [await tempFolder(t), await tempFolder(t)];
    const env = { SIGNET_NATS_URL: nats.url, SIGNET_STATE_STORE: "nats", SIGNET_STATE_FIRST_START: "true" };
    const close = () => signetProcess(["audit", "close", "--json"], { data, env });
    const gone = await startRemote(t, { data, env });
    await untilServing(gone);
    t.like(await close(), { code: 75 }, "while it runs, its folder is in use");
    const other = await startRemote(t, { data: otherData, env: { ...env, SIGNET_KEK_FILE: join(data, "kek") } });
    await untilServing(other);
    await nats.kill9();
    const last = await issue(gone);
    await gone.process.kill9();
    const unreached = await close();
    t.is(unreached.code, 74);
    await nats.restart();
    await untilLogged(other, (log) => log.filter(({ event }) => event === "nats.up").length > 1);
    const before = await readAuditStream(nats.url);
    t.false(
      before.some(({ body }) => body.toString().includes(last.tokenId)),
      "control: NATS had not got it",
    );
    t.false(before.some(isClosed), "control: what failed has closed nothing");

    const closed = await close();
    t.deepEqual([closed.code, closed.stderr], [0, ""]);
    const { writer, again } = JSON.parse(closed.stdout);
    t.false(again);
    const log = (await readAuditStream(nats.url)).filter(({ event }) => event.writer === writer);
    t.true(log.some(({ body }) => body.toString().includes(last.tokenId)));
    t.like(log.at(-1)?.event.event, {
      $case: "writerClosed",
      value: { reason: "REPLICA_REMOVED", successor: "", successorOrigin: "", successorVerifierKey: "" },
    });
    const end = (await readCheckpoints(nats.url)).filter((checkpoint) => checkpoint.writer === writer).at(-1);
    t.is(end?.size, log.length);

    const run = (...words: string[]) => signetProcess(words, { data: otherData, env });
    const address = ["--address", other.process.grpc];
    const keys = await run("audit", "keys", ...address, "--json");
    t.like(
      JSON.parse(keys.stdout).keys.find((key: { writer: string }) => key.writer === writer),
      { state: "AUDIT_KEY_STATE_CLOSED" },
    );
    const retired = await run("audit", "retire", writer, "--reason", "gone", ...address);
    t.regex(retired.stderr, /has ended in order: it is closed/);
    const policy = join(otherData, "audit.policy");
    const verify = async () => {
      await run("audit", "checkpoint", ...address);
      await writeFile(policy, (await run("audit", "keys", ...address)).stdout);
      return run("audit", "verify", "--policy", policy, "--nats", nats.url);
    };
    t.like(await verify(), { code: 0 });

    t.deepEqual(await close(), {
      code: 0,
      stdout: `${JSON.stringify({ writer, again: true }, null, 2)}\n`,
      stderr: "",
    });
    t.is((await readAuditStream(nats.url)).filter(isClosed).length, 1, "once");
    const back = await startRemote(t, { data, env });
    await untilServing(back);
    await allForwarded(back);
    t.is(await back.process.stop(), 0);
    const opened = (await readAuditStream(nats.url)).find(
      ({ event: { event } }) => event?.$case === "writerOpened" && event.value.predecessor === writer,
    );
    t.like(opened?.event.event, { value: { reason: "NEW" } }, "a replica that comes back begins another log");
    t.like(await verify(), { code: 0 });
  },
);

testWithNats("closing a log that NATS does not let in says why, in the error itself", async (t) => {
  const nats = await startNats(t);
  const [data, env] = [await tempFolder(t), { SIGNET_NATS_URL: nats.url }];
  const service = await startRemote(t, { data, env });
  await untilServing(service);
  t.is(await service.process.stop(), 0);
  await nats.kill9();
  const { code, stderr } = await signetProcess(["audit", "close", "--wait", "10s"], { data, env });
  t.is(code, 74);
  t.regex(
    stderr,
    /^error: STATE: NATS took too long, while this was .*: nothing is lost, try again: .*CONNECTION_REFUSED/m,
  );
});

testWithNats(
  "in a folder that was restored from an older copy the end of the log is not there, which closing it says each time",
  async (t) => {
    const nats = await startNats(t);
    const [data, copy] = [await tempFolder(t), await tempFolder(t)];
    const env = { SIGNET_NATS_URL: nats.url, SIGNET_STATE_STORE: "nats", SIGNET_STATE_FIRST_START: "true" };
    const first = await startRemote(t, { data, env });
    await untilServing(first);
    t.is(await first.process.stop(), 0);
    await cp(data, copy, { recursive: true });
    const later = await startRemote(t, { data, env });
    const { tokenId } = await issueWhenServing(later);
    await allForwarded(later);
    t.is(await later.process.stop(), 0);
    const [{ event }] = (await readAuditStream(nats.url)) as [AuditMessage];
    const { writer } = event;

    const run = (...words: string[]) => signetProcess(words, { data: copy, env });
    const restored = await run("audit", "close");
    t.is(restored.code, 0, restored.stderr);
    const [, other] = /^(\S+) is closed\n/.exec(restored.stdout) ?? [];
    const advice = `${writer} has no end in this folder, which may not have all of its log. `;
    const command = `signet audit retire ${writer} --reason folder-restored`;
    t.true(restored.stdout.endsWith(`\n${advice}Record that: ${command}\n`), restored.stdout);
    t.deepEqual((await readdir(join(copy, "spool"))).filter(isOfEnd), []);
    const again = await run("audit", "close", "--json");
    t.deepEqual(JSON.parse(again.stdout), { writer: other, again: true, behind: writer });

    const log = await readAuditStream(nats.url);
    t.like(log.findLast(isClosed)?.event, { writer: other });
    t.true(log.some(({ body }) => body.toString().includes(tokenId)));
    t.like(await run("audit", "verify", "--nats", nats.url), { code: 0 }, "both logs are whole");
    // The negative control: where nothing came behind the copy, it has the end.
    const same = await tempFolder(t);
    await cp(data, same, { recursive: true });
    const closed = await signetProcess(["audit", "close", "--json"], { data: same, env });
    t.deepEqual(JSON.parse(closed.stdout), { writer, again: false });
  },
);
