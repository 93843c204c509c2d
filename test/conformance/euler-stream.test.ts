import test from "ava";
import type { Carrier, VerifyTokenResponse } from "../../src/gen/signet/v1/token.ts";
import { type AuditMessage, readAuditStream } from "../support/nats/audit-stream.ts";
import { trailFaults, trailOf } from "../support/nats/audit-trail.ts";
import { serialTestWithNats, startNats } from "../support/nats/nats-server.ts";
import { badFields, type Dialect, dialect, verdictOf } from "../support/profiles/dialect.ts";
import { allForwarded, startRemote } from "../support/service/remote-service.ts";
import { type Service, startService } from "../support/service/service.ts";
import { shared } from "../support/service/shared.ts";
import { claimsOf } from "../support/tokens/foreign-token.ts";

const CREATOR = "tv_asahi_news";
const WEBSOCKETS = { allowedCreators: [CREATOR], maxWebSockets: 1 };

const euler = (service: Service): Dialect =>
  dialect(service, "euler-stream", { verify: { context: { uniqueId: CREATOR } } });

const ACCOUNT = { accountId: "account-7" };
const withWebsockets = (websockets: unknown) => ({ ...ACCOUNT, expireAfter: 60, websockets });
const closeOf = ({ rejection }: VerifyTokenResponse) => rejection?.websocketCloseCode;
const asking = (uniqueId: string) => ({ context: { uniqueId } });

const service = shared(test, (t) => startRemote(t));
const nats = shared(test, (t) => startNats(t));
const audited = shared(test, async (t) => startRemote(t, { env: { SIGNET_NATS_URL: (await nats()).url } }));

serialTestWithNats("E1: a token answers its effective configuration, and has one event with its id", async (t) => {
  const limits = { minute: 10, hour: 100, day: 1000 };
  const issued = await euler(await audited()).issue({ ...withWebsockets(WEBSOCKETS), limits, name: "viewer" });
  t.is(issued.expiresAt?.getTime(), (issued.issuedAt?.getTime() ?? 0) + 60_000);
  t.like(issued.claims, { jti: issued.tokenId, sub: "account-7", ws: WEBSOCKETS, limits, name: "viewer" });
  t.deepEqual(claimsOf(issued.token), issued.claims);
  t.deepEqual(Object.keys(claimsOf(issued.token)), ["jti", "iat", "exp", "iss", "sub", "ws", "limits", "name"]);
  await allForwarded(await audited());
  t.deepEqual(trailFaults(await trailOf(await nats()), [issued.tokenId]), {});
  const events = issuedEvents(await readAuditStream((await nats()).url));
  const event = events.find(({ tokenId }) => tokenId === issued.tokenId);
  t.like(event, { profile: "euler-stream", tokenId: issued.tokenId, keyId: issued.keyId, issuedAt: issued.issuedAt });
  t.deepEqual(event?.expiresAt, issued.expiresAt);
});

test.serial("E6: another creator is NOT_PERMITTED and closed with 4403", async (t) => {
  const profile = euler(await service());
  const { token } = await profile.issue(withWebsockets(WEBSOCKETS));
  for (const other of ["bbc_news", "TV_ASAHI_NEWS", "tv_asahi_new", "tv_asahi_news2"]) {
    const answer = await profile.verify(token, asking(other));
    t.is(verdictOf(answer), "NOT_PERMITTED", other);
    t.is(closeOf(answer), 4403);
    t.true((answer.rejection?.websocketCloseReason ?? "").length > 0);
  }
  t.is(verdictOf(await profile.verify(token)), "valid");
});

test.serial(
  "E7: a creator is the same with @, as an address and between spaces, in the token and in the question",
  async (t) => {
    const profile = euler(await service());
    const forms = [CREATOR, `@${CREATOR}`, `https://www.tiktok.com/@${CREATOR}/live`, ` ${CREATOR} `];
    for (const form of forms) {
      const { token } = await profile.issue(withWebsockets({ allowedCreators: [form], maxWebSockets: 1 }));
      for (const asked of forms)
        t.is(verdictOf(await profile.verify(token, asking(asked))), "valid", `${form} ${asked}`);
      t.is(verdictOf(await profile.verify(token, asking("other"))), "NOT_PERMITTED");
    }
  },
);

test.serial("E8: the token is EXPIRED from its exp on, closed with 4401; a second before it is valid", async (t) => {
  let clock = 1_800_000_000_000;
  const profile = euler(await startService(t, { surroundings: { now: () => clock } }));
  const { token } = await profile.issue(withWebsockets(WEBSOCKETS));
  for (const [seconds, verdict, code] of [
    [59, "valid", undefined],
    [60, "EXPIRED", 4401],
    [61, "EXPIRED", 4401],
  ] as const) {
    clock = 1_800_000_000_000 + seconds * 1000;
    const answer = await profile.verify(token);
    t.is(verdictOf(answer), verdict, `at iat+${seconds}`);
    t.is(closeOf(answer), code);
  }
});

test.serial("E10 (advice): a lifetime above the 60 seconds that the page advises has a warning", async (t) => {
  const profile = euler(await service());
  const warned = async (expireAfter: number) =>
    (await profile.issue({ ...ACCOUNT, expireAfter })).warnings.map(({ code }) => code);
  t.deepEqual([await warned(60), await warned(61)], [[], ["LONG_LIFETIME"]]);
});

test.serial("E9: no token, garbage and an empty creator are closed with 4401, 4401 and 4400", async (t) => {
  const profile = euler(await service());
  const { token } = await profile.issue(withWebsockets(WEBSOCKETS));
  const jwtKey = (value: string): Partial<Carrier> => ({ query: [{ name: "jwtKey", value }] });
  const other: Partial<Carrier> = { query: [{ name: "uniqueId", value: CREATOR }] };
  for (const [what, answer, verdict, code] of [
    ["the token", await profile.present(jwtKey(token)), "valid", undefined],
    ["its header", await profile.present({ headers: [{ name: "X-JWT-Key", value: token }] }), "valid", undefined],
    ["no jwtKey", await profile.present(other), "CARRIER_MISSING", 4401],
    ["nothing", await profile.present({}), "CARRIER_MISSING", 4401],
    ["an empty jwtKey", await profile.present(jwtKey("")), "CARRIER_MISSING", 4401],
    ["garbage", await profile.present(jwtKey("garbage")), "MALFORMED", 4401],
    ["an empty creator", await profile.present(jwtKey(token), asking("")), "CONTEXT_INVALID", 4400],
    ["no creator", await profile.present(jwtKey(token), { context: {} }), "CONTEXT_INVALID", 4400],
  ] as const) {
    t.is(verdictOf(answer), verdict, what);
    t.is(closeOf(answer), code, what);
  }
});

serialTestWithNats(
  "E10: expireAfter 0, -1, 7201, 1.5, a string or missing is INVALID_ARGUMENT naming it; nothing is signed, and no event says so",
  async (t) => {
    const profile = euler(await audited());
    let calls = 0;
    const issueFor = (lifetime: object) =>
      profile.issue({ ...ACCOUNT, ...lifetime, websockets: WEBSOCKETS }, { requestId: `E10-${calls++}` });
    const refused = [0, -1, 7201, 1.5, "60", null].map((expireAfter) => ({ expireAfter }));
    for (const lifetime of [...refused, {}])
      t.deepEqual(await badFields(issueFor(lifetime)), ["claims.expireAfter"], JSON.stringify(lifetime));
    // What is at the bounds is issued: the events are looked for where they would be.
    const issued = [await issueFor({ expireAfter: 1 }), await issueFor({ expireAfter: 7200 })];
    await allForwarded(await audited());
    const events = issuedEvents(await readAuditStream((await nats()).url));
    t.deepEqual(
      events.filter(({ requestId }) => requestId.startsWith("E10-")).map(({ tokenId }) => tokenId),
      issued.map(({ tokenId }) => tokenId),
    );
  },
);

test.serial(
  "E11: no list is any creator, an empty one none; 101 creators and one of 65 characters are refused",
  async (t) => {
    const profile = euler(await service());
    const issueFor = (allowedCreators: unknown) => profile.issue(withWebsockets({ allowedCreators, maxWebSockets: 1 }));
    const verdict = async (allowedCreators: unknown) =>
      verdictOf(await profile.verify((await issueFor(allowedCreators)).token, asking("anyone")));
    t.is(await verdict(null), "valid");
    t.is(await verdict([]), "NOT_PERMITTED");
    t.is(
      verdictOf(await profile.verify((await profile.issue({ ...ACCOUNT, expireAfter: 60 })).token)),
      "NOT_PERMITTED",
    );
    t.is(verdictOf(await profile.verify((await profile.issue(withWebsockets(null))).token)), "NOT_PERMITTED");
    const list = "claims.websockets.allowedCreators";
    const creators = (count: number, length: number) =>
      Array.from({ length: count }, (_, at) => `${at}`.padEnd(length, "c"));
    t.deepEqual(await badFields(issueFor(creators(101, 8))), [list]);
    t.deepEqual(await badFields(issueFor(["ok", "c".repeat(65)])), [`${list}[1]`]);
    t.deepEqual(await badFields(issueFor(creators(40, 64))), [list], "more than 2 KiB together");
    t.true((await issueFor(creators(100, 8))).token.length > 0);
    t.true((await issueFor(["c".repeat(64)])).token.length > 0);
  },
);

test.serial("E12: maxWebSockets of 0, -1, 2.5 and 1e9 is refused, and so is none", async (t) => {
  const profile = euler(await service());
  const issueFor = (more: object) => profile.issue(withWebsockets({ allowedCreators: null, ...more }));
  const field = "claims.websockets.maxWebSockets";
  for (const maxWebSockets of [0, -1, 2.5, 1e9, "1", 10_001])
    t.deepEqual(await badFields(issueFor({ maxWebSockets })), [field], `${maxWebSockets}`);
  t.deepEqual(await badFields(issueFor({})), [field]);
  for (const maxWebSockets of [1, 10_000])
    t.like((await issueFor({ maxWebSockets })).claims, { ws: { allowedCreators: null, maxWebSockets } });
});

function issuedEvents(messages: readonly AuditMessage[]) {
  return messages.flatMap(({ event: { event } }) => (event?.$case === "tokenIssued" ? [event.value] : []));
}
