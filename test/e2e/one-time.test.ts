import { rm } from "node:fs/promises";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { type BatchVerifyTokensRequest, type Rejection, VerifyTokenRequest } from "../../src/gen/signet/v1/token.ts";
import { verdictOf } from "../support/profiles/dialect.ts";
import { getProfile } from "../support/profiles/profile-client.ts";
import { folderWithVariant } from "../support/profiles/profiles-folder.ts";
import { get } from "../support/service/get.ts";
import { failureOf } from "../support/service/rich-error.ts";
import { issue, promised, type Service, startService, verify } from "../support/service/service.ts";

const ENTRY = "entry";

/** A service whose profile `entry` is `service` with tokens that are used once. */
async function start(t: ExecutionContext, options: { data?: string } = {}) {
  const SIGNET_PROFILES_FOLDER = await folderWithVariant(t, "service", ENTRY, {
    "keyset: service": "keyset: entry",
    "lifetime:":
      "one_time: true\nsurfaces: { websocket: { code: 4401, reasons: { ALREADY_USED: { code: 4409 } } } }\n\nlifetime:",
  });
  return startService(t, { ...options, env: { SIGNET_PROFILES_FOLDER } });
}

const use = (service: Service, token: string, request: Partial<VerifyTokenRequest> = {}) =>
  verify(service, token, { profile: ENTRY, ...request });

const issueEntry = (service: Service) => issue(service, { profile: ENTRY });

test("a token of a profile with one_time is valid once, and clients are shown the profile's surface", async (t) => {
  const service = await start(t);
  t.true((await getProfile(service, ENTRY)).oneTime);
  t.false((await getProfile(service, "service")).oneTime);
  const { token, tokenId } = await issueEntry(service);
  t.is(verdictOf(await use(service, token)), "valid");
  const answer = await use(service, token);
  t.is(verdictOf(answer), "ALREADY_USED");
  t.is(answer.tokenId, tokenId);
  t.like(answer.rejection, { websocketCloseCode: 4409 } satisfies Partial<Rejection>);
  const metrics = await (await get(`${service.url}/metrics`)).text();
  t.regex(metrics, /signet_tokens_rejected_total\{profile="entry",reason="ALREADY_USED"\} 1/);
});

test("in a batch each token is valid once", async (t) => {
  const service = await start(t);
  const [one, two] = [await issueEntry(service), await issueEntry(service)];
  const item = (token: string) =>
    VerifyTokenRequest.fromPartial({ profile: ENTRY, audience: "api", credential: { $case: "token", value: token } });
  const request: BatchVerifyTokensRequest = { items: [one, two, one, one].map(({ token }) => item(token)) };
  const { results } = await promised(service.tokens.batchVerifyTokens.bind(service.tokens), request);
  const told = results.map(({ result }) => (result?.$case === "response" ? verdictOf(result.value) : "error"));
  t.deepEqual(told, ["valid", "valid", "ALREADY_USED", "ALREADY_USED"]);
});

test("consume with at, and a request_id without consumption, are bad requests that use nothing up", async (t) => {
  const service = await start(t);
  const { token } = await issueEntry(service);
  const at = new Date(Date.now() - 1_000);
  const bad: [Partial<VerifyTokenRequest>, string[]][] = [
    [{ at }, ["at"]],
    [{ at, consume: true, requestId: "a b" }, ["request_id", "at"]],
    [{ profile: "service", requestId: "r" }, ["request_id"]],
  ];
  for (const [request, fields] of bad) {
    const failure = await failureOf(use(service, token, request));
    t.is(failure.code, "INVALID_ARGUMENT");
    t.deepEqual(
      failure.violations.map(({ field }) => field),
      fields,
    );
  }
  t.is(verdictOf(await use(service, token)), "valid");
});

test("a use outlives the process, and after a loss of live.db every earlier token was used", async (t) => {
  const first = await start(t);
  const [used, unused] = [await issueEntry(first), await issueEntry(first)];
  t.is(verdictOf(await use(first, used.token, { requestId: "r" })), "valid");
  await first.app.stop("SIGTERM");

  const second = await start(t, { data: first.data });
  t.is(verdictOf(await use(second, used.token, { requestId: "r" })), "valid");
  t.is(verdictOf(await use(second, used.token)), "ALREADY_USED");
  await second.app.stop("SIGTERM");

  await rm(join(first.data, "state", "live.db"));
  const third = await start(t, { data: first.data });
  for (const { token } of [used, unused]) t.is(verdictOf(await use(third, token)), "ALREADY_USED");
});
