import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { ExecutionContext } from "ava";
import type { LogEvent } from "../../src/app/log.ts";
import { judgeSettings } from "../../src/nats/settings.ts";
import { readPage } from "../docs/pages.ts";
import { HANGS_MS } from "../support/bounded.ts";
import { tempFolder } from "../support/files/temp.ts";
import { connect } from "../support/nats/connect.ts";
import { serialTestWithNats, startNats } from "../support/nats/nats-server.ts";
import { untilReady, waitsFor } from "../support/replicas/bucket-owner.ts";
import { issue, type Service, startService } from "../support/service/service.ts";
import { waitUntil } from "../support/wait-until.ts";

/** A configuration of nats-server with one account, whose only user needs no password. */
function oneAccount(jetstream: string, permissions = "{}"): string {
  const user = `{ user: signet, password: signet, permissions: ${permissions} }`;
  return `accounts { ONE { jetstream: ${jetstream}, users: [${user}] } }\nno_auth_user: signet\n`;
}

const denying = (...subjects: readonly string[]) =>
  oneAccount("enabled", `{ publish: { deny: ${JSON.stringify(subjects)} } }`);

interface Case {
  readonly jetstream?: boolean;
  /** Of nats-server. */
  readonly config?: string;
  /** The subjects of a stream that another tenant of the account has. */
  readonly foreign?: readonly string[];
  /** What the bucket waits for. Undefined: nothing. */
  readonly bucket?: RegExp;
  /** Why events are not forwarded. Undefined: they are. */
  readonly audit?: RegExp;
}

const NO_RESPONDERS = /no JetStream answers \(503 no responders: off, not enabled for the account, or/;
const OVERLAP = /JetStream answered 10065 subjects overlap with an existing stream/;
const MAXIMUM = /JetStream answered 10027 maximum number of streams reached/;
const denied = (subject: string) =>
  new RegExp(`NATS answered Permissions Violation for ${subject.replace("$", "\\$")}`);

const CASES: Readonly<Record<string, Case>> = {
  "JetStream is off": { jetstream: false, bucket: NO_RESPONDERS, audit: NO_RESPONDERS },
  "JetStream is off for the account": {
    config: oneAccount("disabled"),
    bucket: /JetStream answered 10039 JetStream not enabled for account/,
    audit: /JetStream answered 10039 JetStream not enabled for account/,
  },
  "the account may have no further stream": {
    config: oneAccount("{ max_streams: 1 }"),
    foreign: ["orders.>"],
    bucket: MAXIMUM,
    audit: MAXIMUM,
  },
  "another stream has the subjects": { foreign: ["signet.>", "$KV.signet.>"], bucket: OVERLAP, audit: OVERLAP },
  "no stream may be created": {
    config: denying("$JS.API.STREAM.CREATE.>"),
    bucket: denied('Publish to "$JS.API.STREAM.CREATE.KV_signet"'),
    audit: denied('Publish to "$JS.API.STREAM.CREATE.SIGNET_AUDIT"'),
  },
  "no event may be published": {
    config: denying("signet.audit.>"),
    audit: denied('Publish to "signet.audit.writer.opened'),
  },
  "no entry may be written": {
    config: denying("$KV.signet.>"),
    bucket: denied('Publish to "$KV.signet.replicas.'),
  },
  "no reader may be created": {
    config: denying("$JS.API.CONSUMER.CREATE.>"),
    bucket: denied('Publish to "$JS.API.CONSUMER.CREATE.KV_signet'),
  },
  "no answer may be received": {
    config: oneAccount("enabled", '{ subscribe: { deny: ["_INBOX.>"] } }'),
    bucket: denied('Subscription to "_INBOX.>"'),
    audit: denied('Subscription to "_INBOX.>"'),
  },
};

for (const [what, { jetstream = true, config = "", foreign, bucket, audit }] of Object.entries(CASES)) {
  serialTestWithNats(`where ${what}, /readyz and the log give NATS's own reason`, async (t) => {
    const { url } = await startNats(t, { jetstream, flags: ["-c", await fileWith(t, config)] });
    if (foreign !== undefined) await addStream(url, foreign);
    const { service, log } = await replicaOn(t, url);
    if (bucket === undefined) await untilReady(service);
    else {
      // Each attempt that gets no answer in time has another reason.
      await waitUntil(`/readyz matches ${bucket}`, async () => bucket.test(await waitsFor(service)), 3 * HANGS_MS);
      await waitUntil("the log says it too", () => linesOf(log, "waiting").some((line) => bucket.test(line)));
      t.false((await waitsFor(service)).includes("not connected"));
    }
    const retries = () => linesOf(log, "audit.retrying");
    if (audit !== undefined)
      await waitUntil(`an attempt to forward matches ${audit}`, () => audit.test(retries().join()));
    else await waitUntil("events are forwarded", () => linesOf(log, "audit.forwarding").length > 0);
    t.deepEqual(
      retries().filter((line) => !audit?.test(line)),
      [],
    );
  });
}

serialTestWithNats(
  "a permission that is taken from a running replica is named once, and its return is seen",
  async (t) => {
    // Those of a replica in the accounts that ship, which must be enough for all that follows.
    const [, permissions = ""] =
      /user: signet\n.*?permissions: (\{.*?\n {8}\})/s.exec(readPage("examples/nats/accounts.conf")) ?? [];
    const enough = oneAccount("enabled", permissions);
    const file = await fileWith(t, enough);
    const nats = await startNats(t, { flags: ["-c", file] });
    const { service, log } = await replicaOn(t, nats.url);
    await untilReady(service);
    await waitUntil("events are forwarded", () => linesOf(log, "audit.forwarding").length > 0);
    t.false(JSON.stringify(log).includes("Violation"));
    await mayTidyUp(t, nats.url);
    await writeFile(file, denying("$KV.signet.>", "signet.audit.>"));
    await nats.restart();
    await waitUntil("the bucket's denial is logged", () => linesOf(log, "replica.cut_off").length > 0);
    await issue(service);
    await waitUntil("the denial of events is logged", () => linesOf(log, "audit.retrying").length > 0);
    t.is(await waitsFor(service), "", "for max_offline it still issues");
    await writeFile(file, enough);
    const forwardings = linesOf(log, "audit.forwarding").length;
    await nats.restart();
    await waitUntil("events are forwarded again", () => linesOf(log, "audit.forwarding").length > forwardings);
    const [cutOff = "", ...others] = linesOf(log, "replica.cut_off");
    t.regex(cutOff, denied('Publish to "$KV.signet.replicas.'));
    t.deepEqual(others, []);
    t.regex(linesOf(log, "audit.retrying").join(), denied('Publish to "signet.audit.token.issued'));
  },
);

serialTestWithNats("a replica that NATS refuses to connect says so", async (t) => {
  const file = await fileWith(t, "authorization { user: other, password: other }\n");
  const { url } = await startNats(t, { flags: ["-c", file] });
  const { service, log } = await replicaOn(t, url);
  await waitUntil("/readyz gives the reason", async () =>
    /not connected to NATS \(.*Authorization Violation.*\)/i.test(await waitsFor(service)),
  );
  t.is(linesOf(log, "store.down").filter((line) => /Authorization Violation/i.test(line)).length, 1);
});

/** A replica that sweeps the bucket five times a second. */
async function replicaOn(t: ExecutionContext, url: string): Promise<{ service: Service; log: readonly LogEvent[] }> {
  const log: LogEvent[] = [];
  const env = { SIGNET_NATS_URL: url, SIGNET_STATE_STORE: "nats", SIGNET_STATE_FIRST_START: "true" };
  const sweeping = { sweepMs: 200, judgeSettings };
  const surroundings = { sweeping, log: (_level: string, event: LogEvent) => void log.push(event) };
  return { service: await startService(t, { env, surroundings }), log };
}

/** What a replica does now and then, and what can fail without a word. */
async function mayTidyUp(t: ExecutionContext, url: string): Promise<void> {
  const connection = await connect({ servers: url });
  const { streams, consumers } = await connection.jetstreamManager({ checkAPI: false });
  await t.notThrowsAsync(streams.purge("KV_signet", { filter: "$KV.signet.none" }));
  await t.throwsAsync(consumers.delete("KV_signet", "none"), { message: "consumer not found" });
  await connection.close();
}

function linesOf(log: readonly LogEvent[], type: LogEvent["type"]): string[] {
  return log.filter((event) => event.type === type).map((event) => JSON.stringify(event).replaceAll('\\"', '"'));
}

async function fileWith(t: ExecutionContext, text: string): Promise<string> {
  const file = join(await tempFolder(t), "nats.conf");
  await writeFile(file, text);
  return file;
}

async function addStream(url: string, subjects: readonly string[]): Promise<void> {
  const connection = await connect({ servers: url });
  await (await connection.jetstreamManager()).streams.add({ name: "ORDERS", subjects: [...subjects] });
  await connection.close();
}
