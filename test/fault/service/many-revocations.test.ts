import { readFile } from "node:fs/promises";
import test, { type ExecutionContext } from "ava";
import { tempFolder } from "../../support/files/temp.ts";
import { serialTestWithNats, startNats } from "../../support/nats/nats-server.ts";
import { verdictOf } from "../../support/profiles/dialect.ts";
import { fillBucket, fillFile } from "../../support/service/many-revocations.ts";
import { type RemoteService, startRemote } from "../../support/service/remote-service.ts";
import { revokeTokens } from "../../support/service/revoke-tokens.ts";
import { issue, verify } from "../../support/service/service.ts";

/** The full number is for `make soak`. */
const COUNT = process.env.SOAK === undefined ? 20_000 : 100_000;
const MOST_MEGABYTES = 300;

/** Looks at the most memory that the process ever had. */
async function staysSmall(t: ExecutionContext, { process }: RemoteService): Promise<void> {
  const status = await readFile(`/proc/${process.child.pid}/status`, "utf8");
  const megabytes = Math.round(Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1]) / 1024);
  t.log(`${megabytes} MB at most`);
  t.true(megabytes <= MOST_MEGABYTES, `${megabytes} MB`);
}

/** Starts a service over that many revocations, reads its memory, and stops it. */
async function startOver(t: ExecutionContext, data: string, env: Record<string, string> = {}): Promise<void> {
  const service = await startRemote(t, { data, env });
  await staysSmall(t, service);
  const progress = service.process.log.filter(({ event }) => event === "revocations.read");
  // A reading that a busy machine has interrupted begins again, but not again and again.
  t.true(progress.filter(({ count }) => count === 10_000).length <= 2);
  const last = progress.slice(progress.findLastIndex(({ count }) => count === 10_000));
  t.deepEqual(
    last.map(({ count, complete }) => [count, complete]),
    [...Array.from({ length: COUNT / 10_000 }, (_, at) => [(at + 1) * 10_000, false]), [COUNT, true]],
  );
  const { token, tokenId } = await issue(service);
  t.is(verdictOf(await verify(service, token)), "valid");
  await revokeTokens(service, { tokenIds: [tokenId] });
  t.is(verdictOf(await verify(service, token)), "REVOKED");
  await service.process.stop();
}

test.serial(
  "a start with 100 000 revocations (20 000 outside of make soak) in the file takes at most 300 MB, and logs how far it is",
  async (t) => {
    const data = await tempFolder(t);
    await fillFile(data, COUNT);
    await startOver(t, data);
  },
);

serialTestWithNats(
  "a start with 100 000 revocations (20 000 outside of make soak) in the bucket takes at most 300 MB, without a snapshot and with one",
  async (t) => {
    t.timeout(300_000);
    const nats = await startNats(t);
    const data = await tempFolder(t);
    const env = { SIGNET_NATS_URL: nats.url, SIGNET_STATE_STORE: "nats", SIGNET_STATE_FIRST_START: "true" };
    await (await startRemote(t, { data, env })).process.stop();
    await fillBucket(nats.url, COUNT - 1);
    const first = await startRemote(t, { data, env });
    await staysSmall(t, first);
    await revokeTokens(first, { tokenIds: ["one-more"] });
    // The stop saves the snapshot of all of them.
    await first.process.stop();
    await startOver(t, data, env);
  },
);
