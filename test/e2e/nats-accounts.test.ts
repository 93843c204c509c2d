import type { ExecutionContext } from "ava";
import { type NatsConnection, NatsError } from "nats";
import type { LogEvent } from "../../src/app/log.ts";
import { connectionOptions, readNatsFiles } from "../../src/nats/access.ts";
import { wantedStream } from "../../src/nats/audit/stream.ts";
import { judgeSettings } from "../../src/nats/settings.ts";
import { signet } from "../cli/terminal.ts";
import { HANGS_MS } from "../support/bounded.ts";
import { type AccountsNats, envOf, startAccountsNats } from "../support/nats/accounts.ts";
import { connect } from "../support/nats/connect.ts";
import { testWithNats } from "../support/nats/nats-server.ts";
import { accessWith } from "../support/nats/secure-nats.ts";
import { untilReady } from "../support/replicas/bucket-owner.ts";
import { importKey, rotateKeys } from "../support/service/key-calls.ts";
import { revokeTokens } from "../support/service/revoke-tokens.ts";
import { issue, startService, verify } from "../support/service/service.ts";
import { waitUntil } from "../support/wait-until.ts";

async function connectAs(t: ExecutionContext, nats: AccountsNats, user: "signet" | "auditor" | "archiver") {
  const access = accessWith(nats, nats[user]);
  const inboxPrefix = user === "signet" ? "_INBOX" : "_INBOX.signet-audit";
  const connection = await connect({ ...connectionOptions(access, await readNatsFiles(access)), inboxPrefix });
  t.teardown(() => connection.close());
  return connection;
}

/** A replica that uses the accounts, with all that is logged. */
async function startReplica(t: ExecutionContext, nats: AccountsNats) {
  const log: LogEvent[] = [];
  const service = await startService(t, {
    env: { ...envOf(nats, nats.signet), SIGNET_STATE_STORE: "nats", SIGNET_STATE_FIRST_START: "true" },
    surroundings: { sweeping: { sweepMs: 200, judgeSettings }, log: (_, event) => void log.push(event) },
  });
  await untilReady(service);
  await waitUntil("events are forwarded", () => log.some(({ type }) => type === "audit.forwarding"));
  return { ...service, log };
}

/** The audit stream of an earlier version, and an administrator of the account who moves its subjects away. */
async function earlierStream(t: ExecutionContext, nats: AccountsNats) {
  const connection = await connect({ servers: nats.url, user: "admin", pass: nats.admin });
  t.teardown(() => connection.close());
  const manager = await connection.jetstreamManager();
  const earlier = { ...wantedStream(1), deny_purge: true };
  await manager.streams.add(earlier);
  return {
    moveAway: () => manager.streams.update("SIGNET_AUDIT", { ...earlier, subjects: ["signet.closed.audit"] }),
    info: (stream: string) => manager.streams.info(stream),
  };
}

/** Whether the server refuses a request with a violation of the user's permissions. */
async function isDenied(connection: NatsConnection, subject: string, body: object = {}): Promise<boolean> {
  try {
    await connection.request(subject, JSON.stringify(body), { timeout: HANGS_MS });
    return false;
  } catch (error) {
    return error instanceof NatsError && error.permissionContext?.operation === "publish";
  }
}

function isDeafTo(connection: NatsConnection, subject: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    connection.subscribe(subject, { callback: (error) => resolve(error?.permissionContext !== undefined) });
    // The answer to the ping comes after the server's refusal.
    connection.flush().then(() => resolve(false), reject);
  });
}

const STREAM_CHANGES = ["STREAM.UPDATE", "STREAM.DELETE", "STREAM.PURGE", "STREAM.MSG.DELETE", "STREAM.SNAPSHOT"];
const changesOf = (stream: string) => STREAM_CHANGES.map((change) => `$JS.API.${change}.${stream}`);

testWithNats("with the accounts that ship, a replica does all that Signet does", async (t) => {
  const nats = await startAccountsNats(t);
  const service = await startReplica(t, nats);
  const { token, tokenId } = await issue(service);
  t.true((await verify(service, token)).valid);
  await revokeTokens(service, { tokenIds: [tokenId] });
  t.false((await verify(service, token)).valid);
  await rotateKeys(service);
  await importKey(service, { profile: "shoplive" });
  // A busy machine may leave a sweep unanswered: that is tried again.
  const failures = service.log.filter(
    (event) => event.type === "store.failed" && !/no answer/.test(String(event.error)),
  );
  t.deepEqual(failures, []);
  t.false(JSON.stringify(service.log).includes("Violation"), JSON.stringify(service.log));
});

testWithNats("with the accounts that ship, an auditor reads every event with audit tail", async (t) => {
  const nats = await startAccountsNats(t);
  const service = await startReplica(t, nats);
  const { tokenId } = await issue(service);
  const { user, password } = nats.auditor;
  const words = ["audit", "tail", "--nats", nats.url, "--user-file", user, "--password-file", password];
  const printed = async (...more: readonly string[]) => (await signet([...words, "--no-follow", ...more])).stdout;
  await waitUntil("the event can be read", async () => (await printed("--all")).includes(tokenId));
  t.regex(await printed("--last", "1", "--type", "token.issued"), new RegExp(tokenId));
  t.regex(await printed("--since", "1h", "--token", tokenId), new RegExp(tokenId));
});

testWithNats("with the accounts that ship, an auditor changes nothing and sees no sealed key", async (t) => {
  const nats = await startAccountsNats(t);
  await startReplica(t, nats);
  const auditor = await connectAs(t, nats, "auditor");
  const denied = [
    ...["signet.audit.token.issued.service", "$KV.signet.keys.service.epoch.9", "$KV.signet.x"],
    ...[...changesOf("SIGNET_AUDIT"), ...changesOf("SIGNET_AUDIT_2"), ...changesOf("KV_signet")],
    "$JS.API.STREAM.CREATE.OTHER",
    ...["$JS.API.STREAM.INFO.KV_signet", "$JS.API.STREAM.MSG.GET.KV_signet", "$JS.API.DIRECT.GET.KV_signet"],
    ...["$JS.API.CONSUMER.CREATE.KV_signet", "$JS.API.CONSUMER.CREATE.KV_signet.x"],
    ...["$JS.API.CONSUMER.MSG.NEXT.KV_signet.x", "$JS.API.CONSUMER.DELETE.KV_signet.x"],
    ...["$KV.signet-live.used.x", ...changesOf("KV_signet-live"), "$JS.API.STREAM.MSG.GET.KV_signet-live"],
  ];
  for (const subject of denied) t.true(await isDenied(auditor, subject), subject);
  for (const subject of [">", "$KV.signet.>", "signet.audit.>", "_INBOX.>", "_INBOX.*.*", "$JS.>"])
    t.true(await isDeafTo(auditor, subject), subject);
  t.false(await isDenied(auditor, "$JS.API.STREAM.INFO.SIGNET_AUDIT"), "what it may do");
  t.false(await isDeafTo(auditor, "_INBOX.signet-audit.x"), "where it may listen");
});

testWithNats("with the accounts that ship, no replica can take an event back", async (t) => {
  const nats = await startAccountsNats(t);
  await startReplica(t, nats);
  const replica = await connectAs(t, nats, "signet");
  const buckets = ["KV_signet", "KV_signet-live"].flatMap((bucket) => [
    ...[`$JS.API.STREAM.DELETE.${bucket}`, `$JS.API.STREAM.UPDATE.${bucket}`],
  ]);
  const changes = [...changesOf("SIGNET_AUDIT"), ...changesOf("SIGNET_AUDIT_2"), ...buckets];
  for (const subject of changes) t.true(await isDenied(replica, subject), subject);
  t.false(await isDenied(replica, "$JS.API.STREAM.INFO.SIGNET_AUDIT"), "what it may do");
});

testWithNats("with the accounts that ship, the archiver alone purges, and changes nothing else", async (t) => {
  const nats = await startAccountsNats(t);
  const service = await startReplica(t, nats);
  await issue(service);
  const archiver = await connectAs(t, nats, "archiver");
  const purge = (stream: string) => `$JS.API.STREAM.PURGE.${stream}`;
  for (const stream of ["SIGNET_AUDIT", "SIGNET_AUDIT_2"]) {
    const denied = [...changesOf(stream), `$JS.API.STREAM.CREATE.${stream}`].filter((name) => name !== purge(stream));
    for (const subject of denied) t.true(await isDenied(archiver, subject), subject);
    for (const user of ["signet", "auditor"] as const)
      t.true(await isDenied(await connectAs(t, nats, user), purge(stream), { seq: 2 }), `${user} ${stream}`);
  }
  for (const subject of ["signet.audit.token.issued.service", "$KV.signet.x", ...changesOf("KV_signet")])
    t.true(await isDenied(archiver, subject), subject);
  t.true(await isDeafTo(archiver, "_INBOX.>"));
  const state = async () => {
    const info = await archiver.request("$JS.API.STREAM.INFO.SIGNET_AUDIT", "");
    return info.json<{ state: { first_seq: number } }>().state;
  };
  t.is((await state()).first_seq, 1, "nothing was purged by those who may not");
  const answer = await archiver.request(purge("SIGNET_AUDIT"), JSON.stringify({ seq: 2 }));
  t.like(answer.json(), { success: true, purged: 1 });
  t.is((await state()).first_seq, 2);
});

testWithNats("with the accounts that ship, a replica moves on to the stream that can be trimmed", async (t) => {
  const nats = await startAccountsNats(t);
  const admin = await earlierStream(t, nats);
  const service = await startReplica(t, nats);
  await issue(service);
  await admin.moveAway();
  const { tokenId } = await issue(service);
  const { user, password } = nats.auditor;
  const words = ["audit", "tail", "--nats", nats.url, "--user-file", user, "--password-file", password];
  const printed = async () => (await signet([...words, "--all", "--no-follow", "--json"])).stdout;
  await waitUntil("the event is in the next stream", async () => (await printed()).includes(tokenId));
  t.is((await admin.info("SIGNET_AUDIT")).config.deny_purge, true);
  t.true((await admin.info("SIGNET_AUDIT_2")).state.messages > 0);
});

testWithNats("with the accounts that ship, a consumer of an auditor delivers nothing into the bucket", async (t) => {
  const nats = await startAccountsNats(t);
  await startReplica(t, nats);
  const [auditor, replica] = [await connectAs(t, nats, "auditor"), await connectAs(t, nats, "signet")];
  const subject = "$KV.signet.keys.service.epoch.9";
  const config = { name: "x", deliver_subject: subject, ack_policy: "none", deliver_policy: "all" };
  const request = JSON.stringify({ stream_name: "SIGNET_AUDIT", action: "create", config });
  const created = (await auditor.request("$JS.API.CONSUMER.CREATE.SIGNET_AUDIT.x", request)).json<{ error?: object }>();
  t.is(created.error, undefined);
  // A consumer that reads the same events has delivered them by then.
  const inbox = "_INBOX.signet-audit.other";
  const delivered = new Promise<void>((resolve) => auditor.subscribe(inbox, { callback: () => resolve() }));
  const other = {
    stream_name: "SIGNET_AUDIT",
    action: "create",
    config: { ...config, name: "y", deliver_subject: inbox },
  };
  await auditor.request("$JS.API.CONSUMER.CREATE.SIGNET_AUDIT.y", JSON.stringify(other));
  await delivered;
  const manager = await replica.jetstreamManager({ checkAPI: false });
  await t.throwsAsync(manager.streams.getMessage("KV_signet", { last_by_subj: subject }), {
    message: /no message found/,
  });
});

testWithNats("with the accounts that ship, nobody connects without a password", async (t) => {
  const nats = await startAccountsNats(t);
  await t.throwsAsync(connect({ servers: nats.url, timeout: HANGS_MS }), { message: /Authorization Violation/ });
});
