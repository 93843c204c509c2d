import { createHash } from "node:crypto";
import test from "ava";
import { kekOf } from "../../../src/jose/kek.ts";
import { recordKeysOf } from "../../../src/jose/key-vault.ts";
import { keysetRecords } from "../../../src/keys/rotating/parse-record.ts";
import { type RecordKeys, wrapBody, wrapRecord } from "../../../src/keys/store/authenticated-record.ts";
import { surveyEntries } from "../../../src/keys/store/survey.ts";
import { seededRandom } from "../../support/seeded-random.ts";
import { makeRing } from "../rotating/ring-under-test.ts";

const keysNamed = (name: string): RecordKeys => recordKeysOf([kekOf(createHash("sha256").update(name).digest())]);
const [KEYS, OTHERS] = [keysNamed("one"), keysNamed("two")];
const KIND = keysetRecords("service");
const GARBAGE = Buffer.from("garbage");
const EMPTIED = new Uint8Array();

const good = (epoch: number, keys = KEYS) => wrapRecord(makeRing({ epoch }), keys);

type Content = readonly [name: string | number, value: Uint8Array];

const entriesOf = (contents: readonly Content[]) =>
  contents.map(([name, value]) => ({ key: `keys/service/epoch/${name}`, value }));

/** What the entries come to, with the number of the highest epoch, and the names of strays without the prefix. */
function surveyed(contents: readonly Content[], held = 0) {
  const { highest, next, strays } = surveyEntries(entriesOf(contents), KIND, held, KEYS);
  const names = strays.map((key) => key.slice("keys/service/epoch/".length)).toSorted();
  return [highest?.epoch ?? 0, next, names.join()] as const;
}

test("the highest authentic epoch counts, and emptied ones below it are no strays", (t) => {
  t.deepEqual(surveyed([]), [0, "free", ""]);
  t.deepEqual(surveyed([[1, good(1)]]), [1, "free", ""]);
  const emptied: Content[] = [1, 2, 3].map((epoch) => [epoch, EMPTIED]);
  t.deepEqual(surveyed([...emptied, [4, good(4)]]), [4, "free", ""]);
  t.deepEqual(surveyed([...emptied, [4, good(4)]], 2), [4, "free", ""], "the one in use is older");
});

test("what lies beyond the next place is a stray and no obstacle, whatever it is", (t) => {
  for (const value of [GARBAGE, EMPTIED, good(999, OTHERS), good(5), wrapBody("{}", KEYS)])
    t.deepEqual(surveyed([[7, good(7)], [999, value]]), [7, "free", "999"]); // biome-ignore format: one line
});

test("a name that is no number is a stray and no obstacle", (t) => {
  for (const name of ["08", "0", "8a", "-8", "x", "8/1", "1".repeat(16)])
    t.deepEqual(surveyed([[7, good(7)], [name, good(8)]]), [7, "free", name]); // biome-ignore format: one line
});

test("at the next place, what is not authentic for it is garbage", (t) => {
  const other = wrapRecord(makeRing({ epoch: 8, keyset: "other" }), KEYS);
  const damaged = Buffer.from(good(8));
  damaged[40] = (damaged[40] ?? 0) ^ 1;
  const values = {
    text: GARBAGE,
    nothing: EMPTIED,
    "epoch 7 again": good(7),
    "another keyset's": other,
    "a flipped bit": damaged,
    "no object": wrapBody("8", KEYS),
    "another text of ours": wrapBody(JSON.stringify({ kind: "signet backup of keys" }), KEYS),
    "an envelope of numbers": Buffer.from('{"kek":1,"mac":2,"body":3}'),
    "deep nesting": Buffer.from("[".repeat(60_000)),
  };
  for (const [what, value] of Object.entries(values))
    t.deepEqual(surveyed([[7, good(7)], [8, value]]), [7, "garbage", "8"], what); // biome-ignore format: one line
});

test("an authentic record that this version can't parse is an epoch", (t) => {
  const later = wrapBody(JSON.stringify({ version: 2, keyset: "service", epoch: 8, news: true }), KEYS);
  t.deepEqual(surveyed([[7, good(7)], [8, later]]), [8, "free", ""]); // biome-ignore format: one line
});

test("an unknown KEK at the next place is neither an epoch nor garbage", (t) => {
  t.deepEqual(surveyed([[7, good(7)], [8, good(8, OTHERS)]]), [7, "unknownKek", "8"]); // biome-ignore format: one line
});

test("nor is it when the epochs between were emptied, as superseded ones are, or damaged", (t) => {
  const between: Content[] = [[7, good(7)], [8, EMPTIED], [9, GARBAGE], [10, good(10, OTHERS)]]; // biome-ignore format: one line
  t.deepEqual(surveyed(between), [7, "unknownKek", "10,8,9"]);
  const gap = between.filter(([name]) => name !== 9);
  t.deepEqual(surveyed(gap), [7, "garbage", "10,8"], "epochs are contiguous");
});

test("a store that lost or garbled the epoch in use is judged from that one on", (t) => {
  t.deepEqual(surveyed([[6, good(6)]], 7), [6, "free", ""]);
  t.deepEqual(surveyed([[6, good(6)], [7, GARBAGE]], 7), [6, "free", "7"]); // biome-ignore format: one line
  t.deepEqual(surveyed([[7, EMPTIED], [8, GARBAGE]], 7), [0, "garbage", "8"]); // biome-ignore format: one line
  t.deepEqual(surveyed([[7, good(7, OTHERS)]], 7), [0, "free", "7"], "it was known before, so it hides nothing");
});

test("an epoch that was met and then overwritten counts, unless the store has an authentic one at its place", (t) => {
  const met = { epoch: 8, bytes: good(8) };
  const survey = (contents: readonly Content[]) => surveyEntries(entriesOf(contents), KIND, 7, KEYS, met);
  t.like(survey([[7, good(7)], [8, GARBAGE]]), { highest: met, stored: false, next: "free" }); // biome-ignore format: one line
  t.like(survey([[8, good(8)]]), { highest: { epoch: 8 }, stored: true });
  t.like(survey([[9, good(9)]]), { highest: { epoch: 9 }, stored: true });
});

test("whatever is written around a ring, only its own authentic epochs count", (t) => {
  const random = seededRandom(t);
  for (let round = 0; round < 300; round++) {
    const highest = random(1, 6);
    const hostile = () => [GARBAGE, EMPTIED, good(random(1, highest)), good(9, OTHERS)][random(0, 4)] ?? GARBAGE;
    const contents = new Map<number, Uint8Array>(Array.from({ length: 12 }, (_, at) => [at + 1, hostile()]));
    for (const epoch of [...contents.keys()]) if (random(0, 3) === 0) contents.delete(epoch);
    contents.set(highest, good(highest));
    const survey = surveyEntries(entriesOf([...contents]), KIND, 0, KEYS);
    t.is(survey.highest?.epoch, highest);
    if (!contents.has(highest + 1)) t.is(survey.next, "free");
    else t.not(survey.next, "free");
  }
});
