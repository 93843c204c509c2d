import type { ExecutionContext } from "ava";
import { trailFaults, trailOf } from "../support/nats/audit-trail.ts";
import { type NatsServer, startNats, testWithNats } from "../support/nats/nats-server.ts";
import { verdictOf } from "../support/profiles/dialect.ts";
import { get } from "../support/service/get.ts";
import { issue, listKeys, type Service, startService, verify } from "../support/service/service.ts";
import { remoteSessions } from "../support/sessions/remote-sessions.ts";
import { waitUntil } from "../support/wait-until.ts";
import answers from "./before-package/answers.json" with { type: "json" };
import { clockAfter, copyOf, ISSUER, USER } from "./fixture.ts";

const SET = "before-package";
type Left = typeof answers.file;

/** How a service verifies a token of the set without using it up. */
const ASKED: Readonly<Record<string, Parameters<typeof verify>[2]>> = {
  imported: { profile: "viasocket", audience: "", context: USER },
  keyRevoked: { profile: "euler-stream", audience: "", context: { uniqueId: "anybody" } },
  counted: { profile: "euler-stream", audience: "", context: { uniqueId: "anybody" } },
};

/** Of verifications that use nothing up. */
const VERDICTS = {
  valid: "valid",
  revoked: "REVOKED",
  ofSubject: "REVOKED",
  used: "valid",
  imported: "valid",
  keyRevoked: "KEY_REVOKED",
  counted: "valid",
};

async function verdictsOf(service: Service, { tokens }: Left): Promise<Record<string, string>> {
  const verdicts: Record<string, string> = {};
  for (const [name, { token }] of Object.entries(tokens))
    verdicts[name] = verdictOf(await verify(service, token, ASKED[name]));
  return verdicts;
}

async function start(t: ExecutionContext, left: Left, data: string, env: Record<string, string>): Promise<Service> {
  return startService(t, { data, env: { ...ISSUER, ...env }, surroundings: { now: clockAfter(left.time) } });
}

/** The ids of all tokens that a service had issued, each of which has one event. */
const issuedIn = ({ tokens }: Left) => Object.values(tokens).map(({ tokenId }) => tokenId);

/** Resolves when the stream has an event of this start, with the faults of the whole trail. */
async function faultsAfterStart(nats: NatsServer, { time }: Left, answered: readonly string[]) {
  await waitUntil("an event of the new version is in the stream", async () =>
    (await trailOf(nats)).some(({ body }) => Date.parse(JSON.parse(Buffer.from(body).toString()).time) > time),
  );
  return trailFaults(await trailOf(nats), answered);
}

testWithNats("a data folder of the version before keeps its tokens, uses, sessions, keys and its chain", async (t) => {
  const left = answers.file;
  const nats = await startNats(t);
  const service = await start(t, left, await copyOf(t, SET, "file"), { SIGNET_NATS_URL: nats.url });
  t.deepEqual(await verdictsOf(service, left), VERDICTS);

  const again = await verify(service, left.tokens.used.token, { consume: true });
  t.is(verdictOf(again), "ALREADY_USED");
  const sessions = remoteSessions(t, service);
  const { token } = left.tokens.counted;
  const second = { token, gatewayId: "gateway-2", connectionId: "connection-2", leaseId: "" };
  t.is((await sessions.open(second)).outcome, "TOO_MANY_SESSIONS", "the open session still counts");

  const own = await issue(service);
  t.is(own.keyId, left.tokens.valid.keyId);
  t.deepEqual(await faultsAfterStart(nats, left, [...issuedIn(left), own.tokenId]), {});
});

testWithNats("a replica of the version before finds its bucket, its live store and its stream again", async (t) => {
  const left = answers.replica;
  const nats = await startNats(t, { store: await copyOf(t, SET, "nats") });
  const env = { SIGNET_NATS_URL: nats.url, SIGNET_STATE_STORE: "nats" };
  const service = await start(t, left, await copyOf(t, SET, "replica"), env);
  await waitUntil("the keys are read", async () => (await get(`${service.url}/.well-known/jwks.json`)).ok);
  t.deepEqual(await verdictsOf(service, left), VERDICTS);
  t.is(await remoteSessions(t, service).count(), 1);
  t.true((await listKeys(service, "service")).keys.some(({ keyId }) => keyId === left.tokens.valid.keyId));
  t.deepEqual(await faultsAfterStart(nats, left, issuedIn(left)), {});
});
