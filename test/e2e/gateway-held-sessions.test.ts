import test from "ava";
import { elapsedSince } from "../../examples/gateway/signet/elapsed.ts";
import { HeldSessions } from "../../examples/gateway/signet/held-sessions.ts";
import { RenewSessionsRequest, Session } from "../../src/gen/signet/v1/session.ts";
import { Rejection } from "../../src/gen/signet/v1/token.ts";

/** The vector of docs/sessions.md. */
const IDS = [
  "000102030405060708090a0b0c0d0e0f1011121314151617",
  "0000000000000000000000000000000000000000000000ff",
  "5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e",
];

function held(ids: readonly string[]) {
  const gone: string[] = [];
  const sessions = new HeldSessions((id) => gone.push(id));
  for (const sessionId of ids) sessions.add(Session.fromPartial({ sessionId }), 0, Rejection.fromPartial({}), () => {});
  return { sessions, gone };
}

test("the digest is the one of docs/sessions.md, in any order, and zeros for no session", (t) => {
  const { sessions, gone } = held(IDS.toReversed());
  t.is(sessions.digest.toString("hex"), "2f7198c77dd590edde49252e5eee8d00");
  const [first = "", second = "", third = ""] = IDS;
  sessions.remove(third);
  sessions.end(second);
  sessions.end(second);
  t.is(sessions.digest.toString("hex"), "6a38b098eb23f184cc195649dc3fae8f");
  sessions.remove(first);
  t.is(sessions.digest.toString("hex"), "0".repeat(32));
  t.deepEqual(gone, [third, second, first], "each is given back once");
});

test("pages follow each other without a gap, in the order of the ids; no session is one empty page", (t) => {
  t.deepEqual([...held([]).sessions.pages(2)], [{ after: "", last: true, sessions: [] }]);
  const sorted = IDS.toSorted();
  const pages = [...held(IDS).sessions.pages(2)];
  t.deepEqual(
    pages.map(({ after, last, sessions }) => ({ after, last, ids: sessions.map(({ sessionId }) => sessionId) })),
    [
      { after: "", last: false, ids: sorted.slice(0, 2) },
      { after: sorted[1] ?? "", last: true, ids: sorted.slice(2) },
    ],
  );
});

test("a session that closes while the list is sent leaves no gap in it, and no empty page before the last", (t) => {
  const { sessions } = held(IDS);
  const [first = "", second = "", third = ""] = IDS.toSorted();
  const pages = sessions.pages(1);
  pages.next();
  sessions.remove(second);
  t.like(pages.next().value, { after: first, sessions: [{ sessionId: third }], last: true });
  const others = held(IDS);
  const rest = others.sessions.pages(1);
  rest.next();
  for (const id of [second, third]) others.sessions.remove(id);
  t.like(rest.next().value, { after: first, sessions: [], last: true });
  t.true(rest.next().done);
});

test("pages of sessions with long resumes fit into the messages that Signet accepts by default", (t) => {
  const { sessions } = held([]);
  const ids = Array.from({ length: 5_000 }, (_, at) => at.toString(16).padStart(48, "0"));
  const resume = Buffer.alloc(1_024);
  for (const sessionId of ids)
    sessions.add(Session.fromPartial({ sessionId, resume }), 0, Rejection.fromPartial({}), () => {});
  const pages = [...sessions.pages(5_000)];
  const [closedSessionIds, digest] = [ids, sessions.digest];
  const sizes = pages.map((page) => {
    const request = RenewSessionsRequest.fromPartial({ closedSessionIds, digest, page });
    return RenewSessionsRequest.encode(request).finish().length;
  });
  t.true(sizes.every((size) => size > 500_000) && sizes.length > 1, String(sizes));
  t.deepEqual(
    sizes.filter((size) => size > 2_097_152 - 1_024),
    [],
  );
  t.deepEqual(
    pages.flatMap((page) => page.sessions.map(({ sessionId }) => sessionId)),
    ids,
  );
});

test("a lease that a sleeping machine held has lapsed, and a wall clock that is set back prolongs none", (t) => {
  const then = { monotonic: 1_000, wall: 5_000_000 };
  t.is(elapsedSince(then, { monotonic: 1_100, wall: 5_090_000 }), 90_000);
  t.is(elapsedSince(then, { monotonic: 11_000, wall: 4_000_000 }), 10_000);
});
