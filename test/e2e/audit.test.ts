import { parseVerifierKey } from "../../src/audit/checkpoint/note.ts";
import { terminal } from "../cli/terminal.ts";
import { type AuditMessage, decodeMessage, readAuditStream, tokenIdsOf } from "../support/nats/audit-stream.ts";
import { chainFaults } from "../support/nats/audit-trail.ts";
import { connect } from "../support/nats/connect.ts";
import { startNats, testWithNats } from "../support/nats/nats-server.ts";
import { failureOf } from "../support/service/rich-error.ts";
import { issue, type Service, startService, verify } from "../support/service/service.ts";
import { waitUntil } from "../support/wait-until.ts";

const PROVEN = { callerProof: "loopback", callerAddress: "127.0.0.1" };

testWithNats("a subscriber decodes the event of a token: what was issued, to whom, under which headers", async (t) => {
  const nats = await startNats(t);
  const connection = await connect({ servers: nats.url });
  t.teardown(() => connection.close());
  const subscription = connection.subscribe("signet.audit.token.issued.service");
  await connection.flush();
  const service = await startService(t, { env: { SIGNET_NATS_URL: nats.url } });
  const issued = await issue(service, { audience: ["api", "web"] });
  for await (const message of subscription) {
    const { subject, headers, event } = decodeMessage(message);
    t.is(subject, "signet.audit.token.issued.service");
    const recorded = event.event?.$case === "tokenIssued" ? event.event.value : undefined;
    t.like(recorded, {
      profile: "service",
      tokenId: issued.tokenId,
      keyId: issued.keyId,
      caller: "loopback",
      ...PROVEN,
      audience: ["api", "web"],
    });
    t.deepEqual(recorded?.issuedAt, issued.issuedAt);
    t.deepEqual(recorded?.expiresAt, issued.expiresAt);
    t.regex(recorded?.subjectHash ?? "", /^[A-Za-z0-9_-]{22}$/);
    t.deepEqual(
      [
        "Nats-Msg-Id",
        "ce-specversion",
        "ce-id",
        "ce-type",
        "ce-source",
        "ce-time",
        "ce-datacontenttype",
        "content-type",
      ].map((name) => headers?.get(name)),
      [
        event.eventId,
        "1.0",
        event.eventId,
        "token.issued",
        `signet/${event.writer}`,
        JSON.parse(message.string()).time,
        "application/json",
        "application/json",
      ],
    );
    break;
  }
});

testWithNats("an operator issues, inspects and finds a token with the variables of the service alone", async (t) => {
  const nats = await startNats(t);
  const service = await startService(t, { env: { SIGNET_NATS_URL: nats.url } });
  const env = { SIGNET_GRPC_ADDRESS: service.app.addresses.grpc, SIGNET_NATS_URL: nats.url };
  const run = async (words: string, stdin = "") => {
    const { code, stdout, stderr } = await terminal({ env, stdin, now: Date.now }).signet(...words.split(" "));
    t.is(code, 0, stderr);
    return stdout;
  };
  const [token, other] = [await run("token issue service --audience api --subject a"), await issue(service)];
  const { tokenId, header, verified } = JSON.parse(await run("token inspect --json", `Bearer ${token}`));
  t.false(verified);
  await arrived(nats.url, "two tokens", (all) => tokenIdsOf(all).length === 2);
  const found = async (words: string) => {
    const lines = (await run(`audit tail --json --no-follow --since 15m ${words}`)).split("\n").slice(0, -1);
    return lines.flatMap((line) => JSON.parse(line).tokenIssued?.tokenId ?? []);
  };
  t.deepEqual(await found(`--token ${tokenId}`), [tokenId]);
  t.deepEqual(await found(`--token ${tokenId} ${other.tokenId}`), [tokenId, other.tokenId]);
  t.deepEqual(await found(`--key ${header.kid} --caller loopback --type token.issued`), [tokenId, other.tokenId]);
  t.deepEqual(await found(`--token ${tokenId} --type token.denied token.revoked`), []);
  t.deepEqual(await found(`--token ${tokenId} --caller another`), []);
});

testWithNats("one subject has one hash, and two have two", async (t) => {
  const nats = await startNats(t);
  const service = await startService(t, { env: { SIGNET_NATS_URL: nats.url } });
  for (const subject of ["alice", "bob", "alice"]) await issue(service, { subject });
  const events = await arrived(nats.url, "three tokens", (all) => tokenIdsOf(all).length === 3);
  const hashes = events.flatMap(({ event: { event } }) =>
    event?.$case === "tokenIssued" ? [event.value.subjectHash] : [],
  );
  t.is(hashes[0], hashes[2]);
  t.not(hashes[0], hashes[1]);
  const { signet } = terminal({ env: { SIGNET_ADDRESS: service.app.addresses.grpc }, now: Date.now });
  const { stdout, stderr } = await signet("audit", "hash", "alice");
  t.is(stdout, `${hashes[0]}\n`, stderr);
  t.regex((await signet("audit", "hash", "")).stderr, /subject: must not be empty/);
});

testWithNats("each event links to the one before, over every event of a writer and over its restarts", async (t) => {
  const nats = await startNats(t);
  const env = { SIGNET_NATS_URL: nats.url, SIGNET_ISSUER: "https://tokens.example" };
  const first = await startService(t, { env });
  const tokens = await issueMany(first, 100);
  t.is((await failureOf(issue(first, { subject: "" }))).code, "INVALID_ARGUMENT");
  await first.app.stop("SIGTERM");
  const second = await startService(t, { data: first.data, env });
  tokens.push(...(await issueMany(second, 20)));
  const events = await arrived(nats.url, "120 tokens", (all) => tokenIdsOf(all).length === 120);
  t.deepEqual(chainFaults(events), []);
  t.deepEqual(tokenIdsOf(events).toSorted(), tokens.toSorted());
  const kinds = events.map(({ event }) => event.event?.$case);
  t.deepEqual(
    kinds.filter((kind) => !["tokenIssued", "keyRotated", "keyPublished", "signaturesCounted"].includes(String(kind))),
    ["writerOpened", "serviceStarted", "tokenDenied", "serviceStopped", "serviceStarted"],
  );
  const opened = events[0]?.event;
  const { origin = "", verifierKey = "" } = opened?.event?.$case === "writerOpened" ? opened.event.value : {};
  t.is(parseVerifierKey(verifierKey).name, origin, "the log begins with the key of its checkpoints");
  t.is(origin, `tokens.example/audit/${opened?.writer}`);
  t.true(kinds.indexOf("keyRotated") < kinds.indexOf("tokenIssued"), "a key has an event before it signs");
  t.deepEqual(new Set(events.map(({ event }) => event.epoch)), new Set([1n, 2n]));
  t.is(new Set(events.map(({ event }) => event.writer)).size, 1, "it is one writer's chain");
  // The negative control: what the check is for.
  const [gone, changed] = [events.toSpliced(50, 1), events.with(50, forged(events[50]))];
  t.deepEqual(chainFaults(gone), ["GAP", "BROKEN_LINK", "WRONG_INDEX"]);
  t.deepEqual(chainFaults(changed), ["BROKEN_LINK"]);
});

testWithNats(
  "with NATS away tokens are issued and checked; their events wait, over a restart, and come once",
  async (t) => {
    const nats = await startNats(t);
    await nats.stop();
    const first = await startService(t, { env: { SIGNET_NATS_URL: nats.url } });
    const tokens = await issueMany(first, 50);
    const { token } = await issue(first);
    t.true((await verify(first, token)).valid);
    await first.app.stop("SIGTERM");
    const second = await startService(t, { data: first.data, env: { SIGNET_NATS_URL: nats.url } });
    tokens.push(...(await issueMany(second, 50)));
    t.true((await verify(second, token)).valid);
    await nats.restart();
    const events = await arrived(nats.url, "101 tokens", (all) => tokenIdsOf(all).length >= 101);
    t.deepEqual(chainFaults(events), [], "each id once");
    t.deepEqual(
      tokens.filter((id) => !tokenIdsOf(events).includes(id)),
      [],
    );
    t.is(tokenIdsOf(events).length, 101);
  },
);

testWithNats("NATS that is killed and comes back holds each event of a run once", async (t) => {
  const nats = await startNats(t);
  const service = await startService(t, { env: { SIGNET_NATS_URL: nats.url } });
  const tokens = await issueMany(service, 100);
  await nats.kill9();
  tokens.push(...(await issueMany(service, 100)));
  await nats.restart();
  tokens.push(...(await issueMany(service, 100)));
  const events = await arrived(nats.url, "300 tokens", (all) => tokenIdsOf(all).length >= 300);
  t.deepEqual(chainFaults(events), []);
  t.deepEqual(tokenIdsOf(events).toSorted(), tokens.toSorted());
});

testWithNats("50 bad calls cause one event at once, and the rest is counted", async (t) => {
  const nats = await startNats(t);
  const service = await startService(t, { env: { SIGNET_NATS_URL: nats.url } });
  const calls = Array.from({ length: 50 }, () => failureOf(issue(service, { subject: "" })));
  for (const { code } of await Promise.all(calls)) t.is(code, "INVALID_ARGUMENT");
  const first = await arrived(nats.url, "a denial", (all) => denialsOf(all).length > 0);
  // The others may be counted by then.
  t.deepEqual(denialsOf(first).slice(0, 1), [
    { profile: "service", caller: "loopback", reason: "INVALID_REQUEST", count: 1n, ...PROVEN, requestId: "" },
  ]);
  t.is(first.find(({ event }) => event.event?.$case === "tokenDenied")?.subject, "signet.audit.token.denied.service");
  await service.app.stop("SIGTERM");
  const [one, ...rest] = denialsOf(await readAuditStream(nats.url)).map(({ count }) => count);
  // One event on a machine that answers fifty calls within ten seconds.
  const counted = rest.reduce((sum, count) => sum + count, 0n);
  t.deepEqual([one, counted], [1n, 49n]);
  t.true(rest.length < 49);
});

async function issueMany(service: Service, count: number): Promise<string[]> {
  const answers = await Promise.all(Array.from({ length: count }, () => issue(service)));
  return answers.map(({ tokenId }) => tokenId);
}

/** What the stream holds as soon as it holds enough. */
async function arrived(
  url: string,
  what: string,
  enough: (messages: readonly AuditMessage[]) => boolean,
): Promise<AuditMessage[]> {
  let messages: AuditMessage[] = [];
  await waitUntil(`the stream holds ${what}`, async () => {
    messages = await readAuditStream(url);
    return enough(messages);
  });
  return messages;
}

function denialsOf(messages: readonly AuditMessage[]) {
  return messages.flatMap(({ event: { event } }) => (event?.$case === "tokenDenied" ? [event.value] : []));
}

function forged(message: AuditMessage | undefined): AuditMessage {
  if (message === undefined) throw new Error("there is no such event");
  return { ...message, body: Buffer.from(Buffer.from(message.body).toString().replace("loopback", "intruder")) };
}
