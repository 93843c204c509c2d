import type { ExecutionContext } from "ava";
import { DiscardPolicy, nanos, RetentionPolicy, StorageType, type StreamConfig } from "nats";
import type { LogEvent } from "../../src/app/log.ts";
import type { IssueTokenResponse } from "../../src/gen/signet/v1/token.ts";
import { ensureStream } from "../../src/nats/audit/stream.ts";
import { AUDIT_STREAM } from "../../src/nats/audit/streams.ts";
import { type AuditMessage, decodeMessage, isEvent, tokenIdsOf } from "../support/nats/audit-stream.ts";
import { connect, ifThere } from "../support/nats/connect.ts";
import { serialTestWithNats, startNats } from "../support/nats/nats-server.ts";
import { verdictOf } from "../support/profiles/dialect.ts";
import { untilNamed, untilReady, waitsFor } from "../support/replicas/bucket-owner.ts";
import { get } from "../support/service/get.ts";
import { failureOf } from "../support/service/rich-error.ts";
import { issue, startService, verify } from "../support/service/service.ts";
import { waitUntil } from "../support/wait-until.ts";

const QUICK = new URL("../support/service/quick-audit.ts", import.meta.url);
const UNJUDGED = new URL("../support/service/unjudged-audit.ts", import.meta.url);

/** Each refused setting, as an operator may give it to the stream. JetStream can change the first four. */
const REFUSED: Readonly<Record<string, Partial<StreamConfig>>> = {
  discard: { discard: DiscardPolicy.Old, max_msgs: 2 },
  max_msgs_per_subject: { max_msgs_per_subject: 1 },
  retention: { retention: RetentionPolicy.Interest },
  subject_transform: { subject_transform: { src: "signet.audit.>", dest: "other.audit.>" } },
  storage: { storage: StorageType.Memory, subjects: ["signet.audit.>"] },
  mirror: { mirror: { name: "other" } },
};

/** Undoes every setting that can be changed. */
const MENDED: Partial<StreamConfig> = {
  ...{ max_msgs: -1, max_msgs_per_subject: -1, discard: DiscardPolicy.New, retention: RetentionPolicy.Limits },
  subject_transform: undefined as never,
};

async function auditUnderTest(t: ExecutionContext, auditThread = QUICK) {
  const { url } = await startNats(t);
  const connection = await connect({ servers: url });
  t.teardown(() => connection.close());
  const { streams } = await connection.jetstreamManager();
  const log: LogEvent[] = [];
  return {
    url,
    log,
    /** The stream as Signet creates it. */
    create: () => ensureStream(connection, 1),
    async give(setting: string) {
      const config = REFUSED[setting] ?? {};
      if (!["storage", "mirror"].includes(setting))
        return void (await streams.update(AUDIT_STREAM, { ...MENDED, ...config }));
      // The service may be faster, and create the stream with settings of its own.
      await waitUntil("the stream is replaced", async () => {
        await streams.delete(AUDIT_STREAM).catch(() => false);
        return await streams.add({ name: AUDIT_STREAM, ...config }).then(
          () => true,
          () => false,
        );
      });
    },
    update: (config: Partial<StreamConfig>) => streams.update(AUDIT_STREAM, config),
    remove: () => streams.delete(AUDIT_STREAM),
    /** What the stream holds. Message by message: while it drops messages, a consumer may wait for them. */
    async messages(): Promise<AuditMessage[]> {
      const { state } = await streams.info(AUDIT_STREAM);
      const messages: AuditMessage[] = [];
      for (let seq = Math.max(1, state.first_seq); seq <= state.last_seq; seq++) {
        const message = await ifThere(streams.getMessage(AUDIT_STREAM, { seq }));
        if (message !== undefined && isEvent(message))
          messages.push(decodeMessage({ subject: message.subject, headers: message.header, data: message.data }));
      }
      return messages;
    },
    start: () =>
      startService(t, {
        env: { SIGNET_NATS_URL: url },
        surroundings: {
          auditThread,
          log: (_, event) => void log.push(event),
        },
      }),
  };
}

type Audit = Awaited<ReturnType<typeof auditUnderTest>>;

const untilStored = (audit: Audit, issued: readonly IssueTokenResponse[]) =>
  waitUntil("every token is in the stream", async () => {
    const stored = new Set(tokenIdsOf(await audit.messages().catch(() => [])));
    return issued.every(({ tokenId }) => stored.has(tokenId));
  });

serialTestWithNats(
  "into a stream that forgets nothing is published, and nothing is issued; once it is mended, it gets every event",
  async (t) => {
    const audit = await auditUnderTest(t);
    await audit.create();
    await audit.give("discard");
    const service = await audit.start();
    await untilNamed(service, "discard");
    t.regex(
      await waitsFor(service),
      /discard of SIGNET_AUDIT is "old".* \(nats stream edit SIGNET_AUDIT --discard=new\)/,
    );
    t.like(await failureOf(issue(service)), { code: "UNAVAILABLE", reason: "STORE_FORGETS" });
    t.deepEqual(await audit.messages(), []);
    await audit.update(MENDED);
    await untilReady(service);
    await untilStored(audit, [await issue(service)]);
    const types = (await audit.messages()).map(({ event: { event } }) => event?.$case);
    t.true(types.includes("serviceStarted"));
    t.true(types.includes("tokenDenied"));
  },
);

serialTestWithNats(
  "when the stream of a running service begins to forget, it issues nothing and verifies, until the stream is mended",
  async (t) => {
    const audit = await auditUnderTest(t);
    await audit.create();
    const service = await audit.start();
    await untilReady(service);
    const tokens = [await issue(service), await issue(service), await issue(service)];
    await untilStored(audit, tokens);
    for (const setting of Object.keys(REFUSED)) {
      await audit.give(setting);
      await untilNamed(service, setting);
      t.like(await failureOf(issue(service)), { code: "UNAVAILABLE", reason: "STORE_FORGETS" }, setting);
      t.is(verdictOf(await verify(service, tokens[0]?.token ?? "")), "valid", setting);
    }
    await audit.remove();
    await untilReady(service);
    tokens.push(await issue(service));
    await untilStored(audit, tokens);
    const found = audit.log.filter((event) => event.type === "audit.settings");
    t.deepEqual(found.at(-1), { type: "audit.settings", refused: [], alarms: [] });
  },
);

serialTestWithNats("what a stream dropped before its setting was noticed is published again", async (t) => {
  const audit = await auditUnderTest(t);
  await audit.create();
  const service = await audit.start();
  await untilReady(service);
  const tokens = [await issue(service), await issue(service), await issue(service)];
  await untilStored(audit, tokens);
  // JetStream takes a dropped event again only when this is over, two minutes by default.
  await audit.update({ duplicate_window: nanos(1_000) });
  await audit.give("max_msgs_per_subject");
  t.is(tokenIdsOf(await audit.messages()).length, 1, "the stream has dropped two of three");
  await untilNamed(service, "max_msgs_per_subject");
  await audit.update(MENDED);
  await untilStored(audit, tokens);
  await untilReady(service);
  t.pass();
});

serialTestWithNats(
  "negative control: with the settings unjudged, events that were acknowledged are gone",
  async (t) => {
    const audit = await auditUnderTest(t, UNJUDGED);
    await audit.create();
    await audit.give("max_msgs_per_subject");
    const service = await audit.start();
    await untilReady(service);
    for (let count = 0; count < 3; count++) await untilStored(audit, [await issue(service)]);
    t.is(tokenIdsOf(await audit.messages()).length, 1);
  },
);

serialTestWithNats("a maximum age of the stream is an alarm, in the log and in the metrics", async (t) => {
  const audit = await auditUnderTest(t);
  await audit.create();
  await audit.update({ max_age: nanos(3_600_000) });
  const service = await audit.start();
  await waitUntil("it is reported", () => audit.log.some(({ type }) => type === "audit.settings"));
  const [found] = audit.log.filter((event) => event.type === "audit.settings");
  t.deepEqual(
    found?.alarms.map((text) => text.split(" ")[0]),
    ["max_age"],
  );
  await untilReady(service);
  const metrics = await (await get(`${service.url}/metrics`)).text();
  t.true(metrics.includes('signet_nats_settings{stream="audit",verdict="alarm"} 1'));
  t.false(metrics.includes('signet_nats_settings{stream="bucket"'));
});
