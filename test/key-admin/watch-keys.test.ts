import test from "ava";
import { createWatchKeys } from "../../src/key-admin/watch-keys.ts";
import { waitUntil } from "../support/wait-until.ts";

/** Keys that the test changes, and how often they were looked at. */
function fixture() {
  const state = { keys: { one: ["a"], two: ["b"] } as Record<string, string[]>, looks: 0 };
  const watch = createWatchKeys((keyset) => {
    state.looks += 1;
    const keys = keyset === "" ? Object.values(state.keys).flat() : state.keys[keyset];
    if (keys === undefined) throw new Error(`no keyset ${keyset}`);
    return keys;
  });
  function open(keyset: string) {
    const ending = new AbortController();
    const listed: string[] = [];
    const ended = (async () => {
      for await (const keys of watch(keyset, ending.signal)) listed.push(keys.join("+"));
    })();
    return { listed, ended, end: () => ending.abort() };
  }
  return { state, watch, open };
}

test("the keys are yielded at once, and again after each of their changes", async (t) => {
  const { state, open } = fixture();
  const [one, all] = [open("one"), open("")];
  await waitUntil("both have the keys", () => one.listed.length === 1 && all.listed.length === 1);
  state.keys.two = ["c"];
  await waitUntil("the change has arrived", () => all.listed.length === 2);
  state.keys.one = ["a", "d"];
  await waitUntil("the other change has arrived", () => one.listed.length === 2 && all.listed.length === 3);
  t.deepEqual(one.listed, ["a", "a+d"]);
  t.deepEqual(all.listed, ["a+b", "a+c", "a+d+c"]);
  for (const watcher of [one, all]) watcher.end();
  await Promise.all([one.ended, all.ended]);
});

test("a slow reader gets the newest keys, not each change", async (t) => {
  const { state, watch, open } = fixture();
  const ending = new AbortController();
  const slow = watch("one", ending.signal)[Symbol.asyncIterator]();
  t.deepEqual((await slow.next()).value, ["a"]);
  const fast = open("one");
  for (const keys of [["x"], ["y"], ["z"]]) {
    const before = fast.listed.length;
    state.keys.one = keys;
    await waitUntil("the other keys have arrived", () => fast.listed.length > before && fast.listed.at(-1) === keys[0]);
  }
  t.deepEqual((await slow.next()).value, ["z"]);
  ending.abort();
  t.deepEqual(await slow.next(), { value: undefined, done: true });
  fast.end();
  await fast.ended;
});

test("a keyset that is not known ends its watch with what the listing throws", async (t) => {
  const { open } = fixture();
  await t.throwsAsync(open("nowhere").ended, { message: "no keyset nowhere" });
});

test("a look that fails is tried again", async (t) => {
  const { state, open } = fixture();
  const one = open("one");
  await waitUntil("it has the keys", () => one.listed.length === 1);
  const before = state.looks;
  delete state.keys.one;
  await waitUntil("it was looked at", () => state.looks > before);
  state.keys.one = ["b"];
  await waitUntil("it has the keys", () => one.listed.length === 2);
  t.deepEqual(one.listed, ["a", "b"]);
  one.end();
  await one.ended;
});

test("callers that watch the same keys share the polls, and without watchers there are none", async (t) => {
  const { state, open } = fixture();
  const many = Array.from({ length: 100 }, () => open("one"));
  await waitUntil("all have the keys", () => many.every(({ listed }) => listed.length === 1));
  t.is(state.looks, 1);
  const control = open("two");
  await waitUntil("it was looked twice", () => state.looks >= 4);
  t.true(state.looks <= 6, `${state.looks} looks`);
  for (const { end } of many) end();
  control.end();
  await Promise.all([...many, control].map(({ ended }) => ended));
  const after = state.looks;
  const other = fixture();
  const clock = other.open("one");
  await waitUntil("it has the keys", () => clock.listed.length === 1);
  other.state.keys.one = ["b"];
  await waitUntil("the time of a look has passed", () => clock.listed.length === 2);
  t.is(state.looks, after);
  clock.end();
});
