import test, { type ExecutionContext } from "ava";
import { Following } from "../../src/audit-thread/following.ts";
import type { ToAudit } from "../../src/audit-thread/messages.ts";

const LATE = { name: "AuditError", code: "NOT_FORWARDED" };

/** Positions that were asked for, in order. A wait that nothing else ends is over after `boundMs`. */
function makeFollowing(t: ExecutionContext<unknown>, boundMs = 60_000) {
  const asked: number[] = [];
  const send = (message: ToAudit): void => {
    if (message.type === "follow") asked.push(message.position);
  };
  const following = new Following(send, boundMs, "not reached yet");
  t.teardown(() => following.end());
  return { asked, following };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

test("the waits of one turn share a message, and each ends when its event is acknowledged", async (t) => {
  const { asked, following } = makeFollowing(t);
  const ended: string[] = [];
  following.reached(3);
  const first = following.wait().then(() => ended.push("first"));
  following.reached(5);
  const second = following.wait().then(() => ended.push("second"));
  await turn();
  t.deepEqual(asked, [5]);
  following.followed(4);
  await first;
  t.deepEqual(ended, ["first"]);
  following.followed(5);
  await second;
});

test("a wait for what was asked for already needs no other message", async (t) => {
  const { asked, following } = makeFollowing(t);
  following.reached(5);
  const first = following.wait();
  await turn();
  const second = following.wait();
  await turn();
  t.deepEqual(asked, [5]);
  following.followed(5);
  await Promise.all([first, second, following.wait()]);
  t.deepEqual(asked, [5]);
});

test("events are not worth sending until those before an outage have been acknowledged", (t) => {
  const { asked, following } = makeFollowing(t);
  t.is(following.obstacle, "not reached yet");
  following.reached(7);
  following.unblocked();
  t.deepEqual(asked, [7]);
  following.followed(6);
  t.is(following.obstacle, "not reached yet");
  following.followed(7);
  t.is(following.obstacle, undefined);
  following.blocked("disconnected");
  following.followed(9);
  t.is(following.obstacle, "disconnected", "an answer from before the outage proves nothing");
});

test("an acknowledgement that is late is an obstacle until it comes", async (t) => {
  const { asked, following } = makeFollowing(t, 10);
  following.unblocked();
  following.followed(0);
  t.is(following.obstacle, undefined);
  following.reached(1);
  await t.throwsAsync(following.wait(), LATE);
  t.is(following.obstacle, "it has not acknowledged an event within 10 ms");
  t.is(asked.at(-1), 1);
  following.followed(1);
  t.is(following.obstacle, undefined);
});

test("an outage that is known keeps its reason when acknowledgements are late", async (t) => {
  const { following } = makeFollowing(t, 10);
  following.reached(1);
  following.blocked("disconnected");
  await t.throwsAsync(following.wait(), LATE);
  t.is(following.obstacle, "disconnected");
});

test("when the log ends nobody goes on waiting", async (t) => {
  const { following } = makeFollowing(t);
  following.reached(1);
  const waits = [following.wait(), following.wait()];
  following.end();
  for (const wait of waits) await t.throwsAsync(wait, LATE);
});
