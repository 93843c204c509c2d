import test, { type ExecutionContext } from "ava";
import { Standing } from "../../src/audit-thread/standing.ts";
import { waitUntil } from "../support/wait-until.ts";

const AN_HOUR = 3_600_000;
const NO_ROOM = { type: "examined", full: false, error: { code: "UNAVAILABLE", message: "no space left" } } as const;
const SOUND = { type: "examined", full: false } as const;

/** A standing that examines only when it is asked to, unless `everyMs` says otherwise. */
function standingUnderTest(t: ExecutionContext, everyMs = AN_HOUR) {
  const sent: unknown[] = [];
  const standing = new Standing(
    (message) => sent.push(message),
    false,
    () => undefined,
    everyMs,
  );
  t.teardown(() => standing.end());
  return { standing, sent };
}

test("two looks at once share one examination, and both resolve once it has said what was found", async (t) => {
  const { standing, sent } = standingUnderTest(t);
  const seen: (string | undefined)[] = [];
  const look = async () => {
    await standing.look();
    seen.push(standing.obstacle);
  };
  const looks = Promise.all([look(), look()]);
  await Promise.resolve();
  t.deepEqual(sent, [{ type: "examine", probe: false }]);
  t.deepEqual(seen, [], "nothing was found yet");
  standing.examined(NO_ROOM);
  await looks;
  t.deepEqual(seen, Array(2).fill("storage for the audit log: no space left"));
  await t.notThrowsAsync(standing.look(), "where there is an obstacle, a look has nothing to wait for");
  t.is(sent.length, 1);
});

test("a look after another one examines again", async (t) => {
  const { standing, sent } = standingUnderTest(t);
  const first = standing.look();
  standing.examined(SOUND);
  await first;
  const second = standing.look();
  t.is(sent.length, 2);
  standing.examined(NO_ROOM);
  await second;
  t.regex(standing.obstacle ?? "", /no space left/);
});

test("looks end without an answer when the storage hangs, and when the audit log has ended", async (t) => {
  const hanging = standingUnderTest(t, 1);
  await Promise.all([hanging.standing.look(), hanging.standing.look()]);
  t.regex(hanging.standing.obstacle ?? "", /does not answer/);
  const { standing } = standingUnderTest(t);
  const looks = Promise.all([standing.look(), standing.look()]);
  standing.end();
  await looks;
  t.regex(standing.obstacle ?? "", /has ended/);
});

test("after an append that failed the storage is examined, also before the first look", async (t) => {
  const standing: Standing = new Standing(
    () => standing.examined(SOUND),
    false,
    () => undefined,
    1,
  );
  t.teardown(() => standing.end());
  standing.failed([NO_ROOM.error]);
  t.regex(standing.obstacle ?? "", /no space left/);
  await waitUntil("it is examined", () => standing.obstacle === undefined);
  t.pass();
});

test("before the first look nothing is examined: a start waits for a disk that stalls", async (t) => {
  const starting = standingUnderTest(t, 1);
  const serving = standingUnderTest(t, 1);
  await serving.standing.look();
  t.regex(serving.standing.obstacle ?? "", /does not answer/);
  t.is(starting.standing.obstacle, undefined);
  t.deepEqual(starting.sent, []);
});
