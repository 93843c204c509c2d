import type { ClientUnaryCall } from "@grpc/grpc-js";
import type { ExecutionContext } from "ava";
import { BatchIssueTokensRequest, IssueTokenRequest } from "../../../src/gen/signet/v1/token.ts";
import { tempFolder } from "../../support/files/temp.ts";
import { readAuditStream, tokenIdsOf } from "../../support/nats/audit-stream.ts";
import { trailFaults, trailOf } from "../../support/nats/audit-trail.ts";
import { type NatsServer, serialTestWithNats, startNats } from "../../support/nats/nats-server.ts";
import { folderWithVariant } from "../../support/profiles/profiles-folder.ts";
import { get } from "../../support/service/get.ts";
import { allForwarded, type RemoteService, startRemote } from "../../support/service/remote-service.ts";
import { failureOf } from "../../support/service/rich-error.ts";
import { issue, promised, type Service, verify } from "../../support/service/service.ts";
import { waitUntil } from "../../support/wait-until.ts";

const STRICT = { profile: "ledger" };
const WITHHELD = {
  code: "UNAVAILABLE",
  reason: "AUDIT_NOT_FORWARDED",
  message: "NATS did not acknowledge the audit event in time: the token was withheld",
  retryAfterMs: 1000,
};
const REFUSED = { ...WITHHELD, message: "NATS takes no audit events now: nothing was signed" };

/** Starts the service with the strict profile `ledger` beside those that ship. */
async function startStrict(t: ExecutionContext<unknown>, { url }: NatsServer, data?: string): Promise<RemoteService> {
  const folder = await folderWithVariant(t, "service", "ledger", {
    "audit: {": "audit: { mode: strict,",
  });
  const env = { SIGNET_NATS_URL: url, SIGNET_PROFILES_FOLDER: folder };
  return startRemote(t, { data: data ?? (await tempFolder(t)), env });
}

/** Resolves with the id of the first strict token that is issued. */
async function firstStrict(service: Service): Promise<string> {
  let id = "";
  await waitUntil("a strict token is issued", () =>
    issue(service, STRICT).then(
      ({ tokenId }) => {
        id = tokenId;
        return true;
      },
      ({ code }) => {
        if (code !== 14) throw new Error(`not UNAVAILABLE but ${code}`);
        return false;
      },
    ),
  );
  return id;
}

async function metric({ url }: Service, name: string): Promise<number> {
  const text = await (await get(`${url}/metrics`)).text();
  return Number(new RegExp(`^${name} (.*)$`, "m").exec(text)?.[1]);
}

/** Resolves when an event waits for NATS. */
const untilDurable = (service: Service) =>
  waitUntil("the event is durable", async () => (await metric(service, "signet_audit_spool_events")) >= 1);

/** What the stream says of the strict tokens, when the service has forwarded everything and has stopped. */
async function endOf(t: ExecutionContext<unknown>, service: RemoteService, nats: NatsServer, answered: string[]) {
  await allForwarded(service);
  t.is(await service.process.stop(), 0);
  t.deepEqual(trailFaults(await trailOf(nats), answered), {});
  const messages = await readAuditStream(nats.url);
  const issued = tokenIdsOf(messages.filter(({ subject }) => subject.endsWith(".ledger")));
  const withheld = messages.flatMap(({ event: { event } }) => (event?.$case === "tokenWithheld" ? [event.value] : []));
  return { issued, withheld };
}

serialTestWithNats(
  "while NATS is paused a strict profile withholds its tokens, and the others are issued",
  async (t) => {
    const nats = await startNats(t);
    const service = await startStrict(t, nats);
    const answered = [await firstStrict(service)];
    nats.pause();
    t.like(await failureOf(issue(service, STRICT)), WITHHELD);
    t.like(await failureOf(issue(service, STRICT)), REFUSED);
    // The negative control: the same pause lets such a token out.
    const { token, tokenId } = await issue(service);
    t.true((await verify(service, token)).valid);
    const items = ["ledger", "service"].map((profile) => ({ profile, subject: "alice", audience: ["api"] }));
    const { results } = await promised(
      service.tokens.batchIssueTokens.bind(service.tokens),
      BatchIssueTokensRequest.fromPartial({ items }),
    );
    const [refused, inBatch] = results.map(({ result }) => result);
    t.like(refused, { $case: "error", value: { code: 14, message: REFUSED.message } });
    if (inBatch?.$case !== "response") throw new Error("an item is refused that is not strict");
    nats.resume();
    answered.push(tokenId, inBatch.value.tokenId, await firstStrict(service));

    const { issued, withheld } = await endOf(t, service, nats, answered);
    t.is(withheld.length, 1);
    t.like(withheld[0], { profile: "ledger", reason: "NOT_ACKNOWLEDGED", caller: "loopback" });
    t.deepEqual(
      issued.filter((id) => !answered.includes(id)),
      withheld.map((event) => event.tokenId),
    );
  },
);

serialTestWithNats("while NATS is down a strict profile signs nothing, and issues again when it is back", async (t) => {
  const nats = await startNats(t);
  const service = await startStrict(t, nats);
  const before = await firstStrict(service);
  await nats.kill9();
  await waitUntil("the outage is known", async () => {
    const { message } = await failureOf(issue(service, STRICT));
    return message === REFUSED.message;
  });
  const refusals = await Promise.all(Array.from({ length: 20 }, () => failureOf(issue(service, STRICT))));
  for (const refusal of refusals) t.like(refusal, REFUSED);
  const { tokenId } = await issue(service);
  await nats.restart();
  const after = await firstStrict(service);

  const { issued, withheld } = await endOf(t, service, nats, [before, tokenId, after]);
  const unanswered = issued.filter((id) => id !== before && id !== after);
  t.deepEqual(
    unanswered,
    withheld.map((event) => event.tokenId),
    "only what was signed before the outage was known",
  );
  t.true(unanswered.length < refusals.length);
});

serialTestWithNats("a strict token whose call ends before NATS has its event is withheld", async (t) => {
  const nats = await startNats(t);
  const service = await startStrict(t, nats);
  const before = await firstStrict(service);
  await allForwarded(service);
  nats.pause();
  const request = IssueTokenRequest.fromPartial({ ...STRICT, subject: "alice", audience: ["api"] });
  let call: ClientUnaryCall | undefined;
  const asking = failureOf(
    promised<IssueTokenRequest, unknown>((asked, metadata, options, callback) => {
      call = service.tokens.issueToken(asked, metadata, options, callback);
    }, request),
  );
  await untilDurable(service);
  call?.cancel();
  t.is((await asking).code, "CANCELLED");
  // Until then the service may answer a call whose client is gone: nobody can know.
  await waitUntil("the service knows", async () => (await metric(service, "signet_grpc_open_calls")) === 0);
  nats.resume();
  const after = await firstStrict(service);
  const { issued, withheld } = await endOf(t, service, nats, [before, after]);
  const unanswered = issued.filter((id) => id !== before && id !== after);
  t.deepEqual(
    unanswered,
    withheld.map((event) => event.tokenId),
  );
  t.is(unanswered.length, 1);
});

serialTestWithNats(
  "a service that is killed before NATS has the event has returned no token, and loses no event",
  async (t) => {
    const nats = await startNats(t);
    const data = await tempFolder(t);
    const killed = await startStrict(t, nats, data);
    const before = await firstStrict(killed);
    await allForwarded(killed);
    nats.pause();
    const asking = failureOf(issue(killed, STRICT));
    await untilDurable(killed);
    await killed.process.kill9();
    t.like(await asking, { code: "UNAVAILABLE", reason: undefined }, "the connection was lost, and nothing answered");
    nats.resume();
    const service = await startStrict(t, nats, data);
    const after = await firstStrict(service);
    const { issued, withheld } = await endOf(t, service, nats, [before, after]);
    t.is(issued.filter((id) => id !== before && id !== after).length, 1, "the event of the token that nobody has");
    t.deepEqual(withheld, []);
  },
);
