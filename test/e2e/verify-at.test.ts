import test from "ava";
import { BatchVerifyTokensRequest, VerifyTokenRequest } from "../../src/gen/signet/v1/token.ts";
import { verdictOf, warningsOf } from "../support/profiles/dialect.ts";
import { issue, promised, startService, verify } from "../support/service/service.ts";

test("an answer judged by `at` says so, whether the token is valid or not, and no other answer does", async (t) => {
  const clock = { now: Date.now() };
  const service = await startService(t, { surroundings: { now: () => clock.now } });
  const { token } = await issue(service, { ttl: { seconds: 60n, nanos: 0 } });
  const at = new Date(clock.now);
  const told = async (request: Partial<VerifyTokenRequest> = {}, shown = token) => {
    const answer = await verify(service, shown, request);
    return [verdictOf(answer), ...warningsOf(answer)];
  };
  t.deepEqual(await told({ at }), ["valid", "JUDGED_AT"]);
  t.deepEqual(await told(), ["valid"], "control");
  t.deepEqual(await told({ at: new Date(clock.now - 3_600_000) }), ["NOT_YET_VALID", "JUDGED_AT"]);
  t.deepEqual(await told({ at }, "no token"), ["MALFORMED", "JUDGED_AT"]);
  clock.now += 3_600_000;
  t.deepEqual(await told({ at }), ["valid", "JUDGED_AT"], "long expired by now");
  t.deepEqual(await told(), ["EXPIRED"], "control");

  const item = VerifyTokenRequest.fromPartial({
    profile: "service",
    audience: "api",
    credential: { $case: "token", value: token },
  });
  const items = BatchVerifyTokensRequest.fromPartial({ items: [{ ...item, at }, item] });
  const { results } = await promised(service.tokens.batchVerifyTokens.bind(service.tokens), items);
  t.deepEqual(
    results.map(({ result }) => result?.$case === "response" && warningsOf(result.value)),
    [["JUDGED_AT"], []],
  );
});
