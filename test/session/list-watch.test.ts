import test from "ava";
import { thrownProblem, thrownViolations } from "../support/problems.ts";
import { waitUntil } from "../support/wait-until.ts";
import { fakeToken, GATEWAY, openRequest, openSessions, renewRequest, START } from "./sessions-under-test.ts";

const ALL = { profile: "", tenant: "", gatewayId: "", tokenId: "", pageSize: 0, pageToken: "" };

test("all live sessions are listed in pages, in the order of their ids", async (t) => {
  const { open, list } = await openSessions(t);
  for (let at = 0; at < 25; at++) await open(openRequest(`c${at}`, { token: fakeToken({ limit: 100 }) }), GATEWAY);
  const listed: string[] = [];
  let pageToken = "";
  do {
    const { sessions, nextPageToken } = list({ ...ALL, pageSize: 10, pageToken }, () => true);
    listed.push(...sessions.map(({ sessionId }) => sessionId));
    pageToken = nextPageToken;
  } while (pageToken !== "");
  t.is(listed.length, 25);
  t.deepEqual(listed, [...new Set(listed)].toSorted());
});

test("a session is listed with its gateway, its times and its key, and filters choose", async (t) => {
  const { open, list } = await openSessions(t);
  await open(openRequest("c1"), GATEWAY);
  await open(openRequest("c2", { gatewayId: "g2", token: fakeToken({ id: "t2" }) }), GATEWAY);
  const count = (filter: Partial<typeof ALL>) => list({ ...ALL, ...filter }, () => true).sessions.length;
  t.deepEqual(
    [{}, { gatewayId: "g2" }, { profile: "euler-stream", tokenId: "t1" }, { tenant: "x" }].map(count),
    [2, 1, 1, 0],
  );
  const [session] = list({ ...ALL, gatewayId: "g1" }, () => true).sessions;
  t.like(session, {
    ...{ caller: GATEWAY.name, gatewayId: "g1", profile: "euler-stream", tenant: "", keyId: "k1", openedAt: START },
    deadline: START + 8 * 3_600_000,
  });
  t.is(list(ALL, () => false).sessions.length, 0);
});

test("an unknown profile and every bad field are refused", async (t) => {
  const { list } = await openSessions(t);
  t.is(thrownProblem(() => list({ ...ALL, profile: "nope" }, () => true)).code, "PROFILE_NOT_FOUND");
  const bad = { gatewayId: " ", tokenId: "t", pageSize: 1_001, pageToken: "x" };
  t.deepEqual(
    thrownViolations(() => list({ ...ALL, ...bad }, () => true)),
    {
      gateway_id: "must be 1 to 64 characters of A-Z a-z 0-9 . _ : -",
      token_id: "must not be set without a profile",
      page_size: "must be from 0 to 1000",
      page_token: "must be the next_page_token of an answer",
    },
  );
});

test("a watch yields what has ended, then current, then each further end once, for its own gateway alone", async (t) => {
  const { world, open, watch, renew, tick } = await openSessions(t);
  const { leaseId } = (await renew(renewRequest(), GATEWAY)).lease;
  for (const id of ["t1", "t2"]) await open(openRequest(id, { leaseId, token: fakeToken({ id, kid: id }) }), GATEWAY);
  world.revokedKeys.add("t1");
  await tick();
  const stop = new AbortController();
  t.teardown(() => stop.abort());
  const collect = (gateway: string) => {
    const yielded: string[] = [];
    void (async () => {
      for await (const change of watch(gateway, GATEWAY, stop.signal))
        yielded.push(change === "current" ? change : change.rejection.reason);
    })();
    return yielded;
  };
  const [own, other] = [collect("g1"), collect("g2")];
  await waitUntil("both are current", () => own.length === 2 && other.length === 1);
  world.revokedKeys.add("t2");
  await tick();
  await waitUntil("the second end came", () => own.length === 3);
  await tick();
  t.deepEqual(own, ["KEY_REVOKED", "current", "KEY_REVOKED"]);
  t.deepEqual(other, ["current"]);
});
