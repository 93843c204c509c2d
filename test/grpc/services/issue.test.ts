import test from "ava";
import { IssueTokenRequest } from "../../../src/gen/signet/v1/token.ts";
import { issueHandlers } from "../../../src/grpc/services/issue.ts";
import { Problem } from "../../../src/problem/problem.ts";
import { callerNamed, OPEN_GATE } from "../../support/caller.ts";
import { serviceProfile, shippedProfile } from "../../support/profiles/profiles.ts";
import { testKey } from "../../support/tokens/foreign-token.ts";
import { issuingUnderTest, NOW } from "../../support/tokens/issuing-under-test.ts";
import { oneKey, oneSecret } from "../../support/tokens/token-keys.ts";

const GOOD = IssueTokenRequest.fromPartial({ profile: "service", subject: "alice", audience: ["api"] });
/** A call whose client waits. */
const OPEN = { cancelled: false };
const BAD = { ...GOOD, subject: "" };

function makeHandlers(overrides: Parameters<typeof issuingUnderTest>[2] = {}) {
  const { keys } = oneKey();
  const { run, events } = issuingUnderTest(serviceProfile(), () => keys, overrides);
  const causes: unknown[] = [];
  return {
    events,
    causes,
    ...issueHandlers(run, OPEN_GATE.access, { now: () => 0, onUnexpected: (cause) => causes.push(cause) }),
  };
}

test("the answer has the times of the token, and when to ask for the next", async (t) => {
  const { issueToken } = makeHandlers();
  const at = Math.floor(NOW / 1000);
  t.like(await issueToken(GOOD, callerNamed("c"), OPEN), {
    profile: "service",
    tokenId: "id-1",
    issuedAt: new Date(at * 1000),
    refreshAfter: new Date((at + 240) * 1000),
    expiresAt: new Date((at + 300) * 1000),
    warnings: [],
  });
});

test("a token without exp has no time to refresh it either, and the warning leaves", async (t) => {
  const { run } = issuingUnderTest(shippedProfile("viasocket"), () => oneSecret(testKey("k")));
  const claims = { org_id: "o", project_id: "p", user_id: "u" };
  const answer = await issueHandlers(run, OPEN_GATE.access, { now: () => 0, onUnexpected: () => {} }).issueToken(
    IssueTokenRequest.fromPartial({ profile: "viasocket", claims }),
    callerNamed("c"),
    OPEN,
  );
  t.is(answer.expiresAt, undefined);
  t.is(answer.refreshAfter, undefined);
  t.deepEqual(answer.warnings, [{ code: "NO_EXPIRY", message: "the token has no exp" }]);
});

test("the answer says for how long a connection with the token may live", async (t) => {
  const { run } = issuingUnderTest(shippedProfile("euler-stream"), () => oneKey().keys);
  const request = IssueTokenRequest.fromPartial({
    profile: "euler-stream",
    claims: { accountId: "a", expireAfter: 60 },
  });
  const { issueToken } = issueHandlers(run, OPEN_GATE.access, { now: () => 0, onUnexpected: () => {} });
  const { sessionMax, idleMax } = await issueToken(request, callerNamed("c"), OPEN);
  t.deepEqual({ sessionMax, idleMax }, { sessionMax: { seconds: 28_800n, nanos: 0 }, idleMax: undefined });
});

test("each item of a batch has its own result, in the order of the items", async (t) => {
  const { batchIssueTokens, events } = makeHandlers();
  const items = [GOOD, BAD, { ...GOOD, profile: "other" }, { ...GOOD, validateOnly: true }, GOOD];
  const results = await batchIssueTokens({ items }, callerNamed("c"), OPEN);
  t.deepEqual(
    results.results.map(({ result }) => (result?.$case === "response" ? result.value.tokenId : result?.value.code)),
    ["id-1", 3, 5, "", "id-4"],
  );
  t.is(events.length, 2);
});

test("a request_id that comes twice in one batch is one token", async (t) => {
  const { batchIssueTokens, events } = makeHandlers();
  const item = { ...GOOD, requestId: "r" };
  const { results } = await batchIssueTokens(
    { items: [item, item, { ...item, subject: "bob" }] },
    callerNamed("c"),
    OPEN,
  );
  const [first, second, third] = results.map(({ result }) => result);
  t.true(first?.$case === "response" && second?.$case === "response" && first.value.token === second.value.token);
  t.true(third?.$case === "error" && third.value.code === 6);
  t.is(events.length, 1);
});

test("the events of a whole batch are appended in one turn, so that one group commit holds them", async (t) => {
  let appended = 0;
  const audit = {
    append: async () => {
      appended += 1;
    },
  };
  const { batchIssueTokens } = makeHandlers({ audit });
  const answering = batchIssueTokens({ items: Array.from({ length: 100 }, () => GOOD) }, callerNamed("c"), OPEN);
  await Promise.resolve();
  t.is(appended, 100);
  t.is((await answering).results.length, 100);
});

for (const count of [0, 101])
  test(`a batch of ${count} items is refused as a whole`, async (t) => {
    const { batchIssueTokens, events } = makeHandlers();
    const items = Array.from({ length: count }, () => GOOD);
    const error = await t.throwsAsync(async () => batchIssueTokens({ items }, callerNamed("c"), OPEN), {
      instanceOf: Problem,
    });
    t.deepEqual(error.violations, [{ field: "items", description: "must have 1 to 100 items" }]);
    t.is(events.length, 0);
  });

test("an unexpected failure of one item is reported with its cause, and the client sees only an internal error", async (t) => {
  const secret = new Error("a secret path");
  const audit = { append: () => Promise.reject(secret) };
  const { batchIssueTokens, causes } = makeHandlers({ audit });
  const { results } = await batchIssueTokens({ items: [GOOD, BAD] }, callerNamed("c"), OPEN);
  const [failed, refused] = results.map(({ result }) => result);
  t.deepEqual(failed, { $case: "error", value: { code: 13, message: "internal error", details: [] } });
  t.true(refused?.$case === "error" && refused.value.code === 3);
  t.deepEqual(causes, [secret]);
});
