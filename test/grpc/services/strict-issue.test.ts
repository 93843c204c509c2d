import test from "ava";
import { AuditError, type AuditEvent, type Until } from "../../../src/audit/event.ts";
import { IssueTokenRequest } from "../../../src/gen/signet/v1/token.ts";
import { issueHandlers } from "../../../src/grpc/services/issue.ts";
import { Problem } from "../../../src/problem/problem.ts";
import { callerNamed, OPEN_GATE } from "../../support/caller.ts";
import { shippedProfile } from "../../support/profiles/profiles.ts";
import { issuingUnderTest } from "../../support/tokens/issuing-under-test.ts";
import { oneKey } from "../../support/tokens/token-keys.ts";

const ASKED = IssueTokenRequest.fromPartial({ profile: "service", subject: "alice", audience: ["api"] });
const CALLER = callerNamed("c");
const OPEN = { cancelled: false };
const OVER = { cancelled: true };
const NOT_FORWARDED = { instanceOf: Problem, code: "AUDIT_NOT_FORWARDED" };

const strict = shippedProfile("service", (text) => text.replace("audit: {", "audit: { mode: strict,"));

/** A strict profile, whose events wait for `forwarded`. */
function makeStrict(
  overrides: Parameters<typeof issuingUnderTest>[2] = {},
  forwarded: Promise<void> = Promise.resolve(),
) {
  const { keys } = oneKey();
  const events: AuditEvent[] = [];
  const waits: (Until | undefined)[] = [];
  const append = async (event: AuditEvent, _: number, until?: Until): Promise<void> => {
    events.push(event);
    waits.push(until);
    if (until === "forwarded") await forwarded;
  };
  const { run, reports } = issuingUnderTest(strict, () => keys, { audit: { append }, ...overrides });
  const handlers = issueHandlers(run, OPEN_GATE.access, {
    now: () => 0,
    onUnexpected: (cause) => {
      throw cause;
    },
  });
  const withheld = () => events.flatMap((event) => (event.type === "token.withheld" ? [event] : []));
  return { ...handlers, events, waits, reports, withheld };
}

test("a strict token waits until its event is forwarded, and has no event of its own when it leaves", async (t) => {
  const { issueToken, waits, withheld } = makeStrict();
  t.not((await issueToken(ASKED, CALLER, OPEN)).token, "");
  t.deepEqual(waits, ["forwarded"]);
  t.deepEqual(withheld(), []);
});

test("a token whose event is not forwarded in time is withheld, and says so", async (t) => {
  const late = Promise.reject(new AuditError("NOT_FORWARDED", "late"));
  const { issueToken, events, reports, waits } = makeStrict({}, late);
  const problem = await t.throwsAsync(issueToken(ASKED, CALLER, OPEN), NOT_FORWARDED);
  t.is((problem as Problem).retryAfterMs, 1_000);
  const [issued, withheld] = events;
  t.like(issued, { type: "token.issued", tokenId: "id-1" });
  t.like(withheld, {
    type: "token.withheld",
    profile: "service",
    tokenId: "id-1",
    keyId: issued?.type === "token.issued" ? issued.keyId : "",
    caller: CALLER,
    tenant: "",
    reason: "NOT_ACKNOWLEDGED",
  });
  t.deepEqual(waits, ["forwarded", undefined]);
  t.deepEqual(reports, ["withheld service NOT_ACKNOWLEDGED", "denied service c AUDIT_NOT_FORWARDED"]);
});

test("while nothing is forwarded nothing is signed", async (t) => {
  const problem = new Problem("AUDIT_NOT_FORWARDED", "no");
  const { issueToken, events } = makeStrict({
    requireForwarding() {
      throw problem;
    },
  });
  await t.throwsAsync(issueToken(ASKED, CALLER, OPEN), { is: problem });
  t.deepEqual(events, []);
});

test("a token whose call is over is withheld", async (t) => {
  const { issueToken, withheld } = makeStrict();
  await t.throwsAsync(issueToken(ASKED, CALLER, OVER), NOT_FORWARDED);
  t.like(withheld(), [{ tokenId: "id-1", reason: "CALL_ENDED" }]);
});

test("the items of a batch leave with its answer, or not at all", async (t) => {
  const { batchIssueTokens, withheld } = makeStrict();
  const items = [ASKED, { ...ASKED, subject: "" }, ASKED];
  await batchIssueTokens({ items }, CALLER, OPEN);
  t.deepEqual(withheld(), []);
  await t.throwsAsync(batchIssueTokens({ items }, CALLER, OVER), NOT_FORWARDED);
  t.like(withheld(), [{ tokenId: "id-4" }, { tokenId: "id-6" }]);
});

test("a token that one of two calls returns is not withheld when the other is over", async (t) => {
  for (const calls of [
    [OVER, OPEN],
    [OPEN, OVER],
  ]) {
    const forwarded = Promise.withResolvers<void>();
    const { batchIssueTokens, issueToken, withheld } = makeStrict({}, forwarded.promise);
    const [first = OPEN, second = OPEN] = calls;
    const request = { ...ASKED, requestId: "r" };
    const answers = Promise.allSettled([
      batchIssueTokens({ items: [request] }, CALLER, first),
      issueToken(request, CALLER, second),
    ]);
    forwarded.resolve();
    t.deepEqual(
      (await answers).map(({ status }) => status),
      ["fulfilled", "fulfilled"],
    );
    t.deepEqual(withheld(), []);
  }
});

test("a request_id whose token is withheld gets another token", async (t) => {
  const { issueToken, withheld } = makeStrict();
  const request = { ...ASKED, requestId: "r" };
  await t.throwsAsync(issueToken(request, CALLER, OVER), NOT_FORWARDED);
  const { tokenId } = await issueToken(request, CALLER, OPEN);
  t.is(tokenId, "id-2");
  t.like(withheld(), [{ tokenId: "id-1" }]);
  t.is((await issueToken(request, CALLER, OPEN)).tokenId, "id-2", "the negative control");
});
