import test from "ava";
import { PATIENCE_MS, Vigil, Watchfulness } from "../../../src/keys/store/vigil.ts";
import type { Change } from "../../../src/state/keyvalue.ts";

/** A vigil whose watch has begun; `gap` breaks the watch, and goes on behind the gap. */
async function watching() {
  const watch = new Watchfulness();
  const source = async function* (): AsyncGenerator<Change> {
    yield { type: "current" };
    for (;;) yield { type: "gap" };
  };
  const changes = watch.follow(source());
  await changes.next();
  return { watch, vigil: new Vigil(watch), gap: () => changes.next(), end: () => changes.return(undefined) };
}

test("garbage at a place that was seen free in the same stretch hides no epoch, and may be replaced at once", async (t) => {
  const { watch, vigil } = await watching();
  vigil.saw("free", watch.stretch, 0);
  vigil.saw("garbage", watch.stretch, 1);
  t.is(vigil.mayHideAnEpoch, false);
  t.true(vigil.mayReplaceGarbage(1));
});

for (const [what, before] of [
  ["nothing was seen before", undefined],
  ["an unknown KEK was seen", "unknownKek"],
] as const) {
  test(`garbage may hide an epoch where ${what}, and is replaced only when it has lain for five seconds`, async (t) => {
    const { watch, vigil } = await watching();
    if (before !== undefined) {
      vigil.saw("free", watch.stretch, 0);
      vigil.saw(before, watch.stretch, 1);
    }
    vigil.saw("garbage", watch.stretch, 2);
    t.true(vigil.mayHideAnEpoch);
    t.deepEqual([vigil.mayReplaceGarbage(1 + PATIENCE_MS), vigil.mayReplaceGarbage(2 + PATIENCE_MS)], [false, true]);
  });
}

test("a gap, an end of the watch, and an epoch that can't be used each end the certainty", async (t) => {
  const ends = ["gap", "end", "doubt"] as const;
  for (const end of ends) {
    const { watch, vigil, ...under } = await watching();
    vigil.saw("free", watch.stretch, 0);
    vigil.saw("garbage", watch.stretch, 1);
    if (end === "doubt") vigil.doubt();
    else await under[end]();
    t.true(vigil.mayHideAnEpoch, end);
  }
});

test("a look during which the watch had a gap proves nothing", async (t) => {
  const { watch, vigil, gap } = await watching();
  const before = watch.stretch;
  await gap();
  vigil.saw("free", before, 0);
  vigil.saw("garbage", watch.stretch, 1);
  t.true(vigil.mayHideAnEpoch);
});

test("after a gap it may be other garbage, whose five seconds begin again; without one they go on", async (t) => {
  const { watch, vigil, gap } = await watching();
  vigil.saw("garbage", watch.stretch, 0);
  vigil.saw("garbage", watch.stretch, 4_000);
  t.is(vigil.msUntilMending(4_000), 1_000);
  await gap();
  vigil.saw("garbage", watch.stretch, 4_000);
  t.is(vigil.msUntilMending(4_000), PATIENCE_MS);
});

test("a replica that wrote over the garbage is certain again", async (t) => {
  const { watch, vigil } = await watching();
  vigil.saw("garbage", watch.stretch, 0);
  vigil.mended();
  t.deepEqual([vigil.obstructed, vigil.msUntilMending(0)], [false, Infinity]);
  vigil.saw("garbage", watch.stretch, 1);
  t.is(vigil.mayHideAnEpoch, false);
});
