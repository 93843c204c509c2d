import { generateKeyPairSync } from "node:crypto";
import { BatchVerifyTokensRequest, type IssueTokenResponse } from "../../src/gen/signet/v1/token.ts";
import { decodeMessage } from "../support/nats/audit-stream.ts";
import { trailFaults, trailOf } from "../support/nats/audit-trail.ts";
import { connect } from "../support/nats/connect.ts";
import { startNats, testWithNats } from "../support/nats/nats-server.ts";
import { verdictOf } from "../support/profiles/dialect.ts";
import { importEverywhere } from "../support/profiles/every-profile.ts";
import { allForwarded, startRemote } from "../support/service/remote-service.ts";
import { failureOf } from "../support/service/rich-error.ts";
import { issue, promised, type Service, verify } from "../support/service/service.ts";
import type { Ending } from "../support/service/shared.ts";
import { foreignToken, forge, testKey, textsOf } from "../support/tokens/foreign-token.ts";

const SECRET = testKey("audit").toString("base64");
/** Room for the state and for some hundred large events, in the 512 bytes of POSIX or the 1024 of some shells. */
const LARGEST_FILE_BLOCKS = 4_096;

testWithNats(
  "X12: while NATS is down tokens are issued, and when it is back each has its event, also after a kill",
  async (t) => {
    const nats = await startNats(t);
    const env = { SIGNET_NATS_URL: nats.url };
    const first = await startRemote(t, { env });
    const profiles = Object.values(await importEverywhere(first, SECRET));
    await nats.kill9();
    const answered: string[] = [];
    for (const { name, grant, verify } of profiles) {
      const answer = await verify(await grant());
      t.is(verdictOf(answer), "valid", name);
      answered.push(answer.tokenId);
    }
    await first.process.kill9();
    const second = await startRemote(t, { data: first.data, env });
    answered.push((await issue(second)).tokenId);
    await nats.restart();
    await allForwarded(second);
    const trail = await trailOf(nats);
    t.deepEqual(trailFaults(trail, answered), {});
    t.deepEqual(trailFaults(trail, [...answered, "of no event"]), { TOKEN_WITHOUT_EVENT: 1 }, "control");
  },
);

testWithNats(
  "X12 (no room): while NATS is down and the spool can't grow, nothing is issued, and verifying goes on",
  async (t) => {
    const nats = await startNats(t);
    const under = ["sh", "-c", `ulimit -f ${LARGEST_FILE_BLOCKS}; exec "$@"`, "sh"];
    const service = await startRemote(t, { env: { SIGNET_NATS_URL: nats.url }, under });
    await nats.kill9();
    const [api, ...others] = Array.from({ length: 16 }, (_, at) => `${at}`.padEnd(250, "a"));
    const issued: IssueTokenResponse[] = [];
    async function issueUntilRefused(): Promise<never> {
      for (;;) issued.push(await issue(service, { audience: [api ?? "", ...others] }));
    }
    t.is((await failureOf(issueUntilRefused())).code, "UNAVAILABLE");
    const [first, last] = [issued[0], issued.at(-1)];
    for (const answer of [first, last])
      t.is(verdictOf(await verify(service, answer?.token ?? "", { audience: api ?? "" })), "valid");
    await nats.restart();
    await allForwarded(service);
    const ids = issued.map(({ tokenId }) => tokenId);
    t.deepEqual(trailFaults(await trailOf(nats), ids), {});
    t.log(`${ids.length} tokens`);
  },
);

testWithNats(
  "X13: of 10^4 bad tokens the first of each profile and reason is an event, the others are counted, one event in 10 s",
  async (t) => {
    const nats = await startNats(t);
    const service = await startRemote(t, { env: { SIGNET_NATS_URL: nats.url } });
    const rejections = await rejectionsIn(t, nats.url);
    const items = await badTokens(service);
    for (let call = 0; call < 100; call += 1) await verifyAll(service, items);
    const events = await rejections(10_000);
    const kinds = Map.groupBy(events, ({ profile, reason }) => `${profile} ${reason}`);
    t.deepEqual([...kinds.keys()].toSorted(), [
      "service BAD_SIGNATURE",
      "service MALFORMED",
      "shoplive BAD_SIGNATURE",
      "shoplive MALFORMED",
    ]);
    for (const [kind, own] of kinds) {
      t.is(own[0]?.count, 1, kind);
      t.is(
        own.reduce((sum, { count }) => sum + count, 0),
        2_500,
        kind,
      );
      const gaps = own.slice(1).map(({ time }, at) => time - (own[at]?.time ?? 0));
      t.true(gaps.length > 0, "control: there is a second event");
      // A timer counts from the beginning of the event loop's turn: on a busy machine, a moment before the event.
      t.true(Math.min(...gaps) >= 9_000, `${kind}: ${gaps} ms`);
    }
  },
);

/** A hundred questions: two kinds of bad tokens under each of two profiles. */
async function badTokens(service: Service): Promise<BatchVerifyTokensRequest> {
  const { service: own, shoplive } = await importEverywhere(service, SECRET);
  const [ours, theirs] = [textsOf(await own.grant()), textsOf(await shoplive.grant())];
  const { privateKey } = generateKeyPairSync("ed25519");
  const asked = (profile: string, audience: string, value: string) => ({
    profile,
    audience,
    credential: { $case: "token", value } as const,
  });
  const kinds = [
    asked("service", "api", "garbage"),
    asked("service", "api", forge(ours.header, ours.claims, privateKey)),
    asked("shoplive", "", "garbage"),
    asked("shoplive", "", foreignToken(theirs.header, theirs.claims, testKey("another"))),
  ];
  return BatchVerifyTokensRequest.fromPartial({ items: Array.from({ length: 25 }, () => kinds).flat() });
}

async function verifyAll({ tokens }: Service, request: BatchVerifyTokensRequest): Promise<void> {
  const { results } = await promised(tokens.batchVerifyTokens.bind(tokens), request);
  for (const { result } of results)
    if (result?.$case !== "response" || result.value.valid) throw new Error("a bad token was not rejected");
}

interface Rejections {
  readonly profile: string;
  readonly reason: string;
  readonly count: number;
  /** Unix milliseconds. */
  readonly time: number;
}

/** Subscribes to the events of rejections. Resolves with those that stand for so many tokens, in their order. */
async function rejectionsIn(t: Ending, url: string): Promise<(tokens: number) => Promise<readonly Rejections[]>> {
  const connection = await connect({ servers: url });
  t.teardown(() => connection.close());
  const subscription = connection.subscribe("signet.audit.token.rejected.*");
  await connection.flush();
  return async (tokens) => {
    const events = new Map<string, Rejections>();
    let counted = 0;
    for await (const message of subscription) {
      const { eventId, event, time } = decodeMessage(message).event;
      if (event?.$case !== "tokenRejected" || events.has(eventId)) continue;
      const { profile, reason, count } = event.value;
      events.set(eventId, { profile, reason, count: Number(count), time: Number(time) });
      counted += Number(count);
      if (counted >= tokens) break;
    }
    return [...events.values()];
  };
}
