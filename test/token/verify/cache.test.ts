import test from "ava";
import { createVerifiedCache, type Signed } from "../../../src/token/verify/cache.ts";

const signed = (tokenId: string): Signed => ({
  header: { alg: "EdDSA", kid: "k", typ: undefined, parameters: undefined },
  payload: {},
  tokenId,
  key: { kid: "k", alg: "EdDSA", verify: () => true },
});

test("a token is found by its exact text only", (t) => {
  const cache = createVerifiedCache(10);
  const one = signed("one");
  cache.put("a.b.c", one);
  t.is(cache.get("a.b.c"), one);
  for (const other of ["a.b.d", "a.b.c ", "A.b.c", "a.b.c\uD800", ""]) t.is(cache.get(other), undefined, other);
  t.deepEqual([cache.hits, cache.misses], [1, 5]);
});

test("it holds no more than its entries, however many are put", (t) => {
  const cache = createVerifiedCache(10);
  const tokens = Array.from({ length: 1000 }, (_, index) => `token-${index}`);
  for (const token of tokens) cache.put(token, signed(token));
  const found = tokens.filter((token) => cache.get(token) !== undefined);
  t.true(found.length >= 5 && found.length <= 10, `${found.length} are held`);
  t.is(found.at(-1), "token-999");
});

test("a token that is used again and again stays, although others come and go", (t) => {
  const cache = createVerifiedCache(10);
  const busy = signed("busy");
  cache.put("busy", busy);
  for (let index = 0; index < 100; index += 1) {
    cache.put(`token-${index}`, signed("x"));
    if (index % 3 === 0) t.is(cache.get("busy"), busy, `after ${index + 1}`);
  }
});

test("long tokens take the room of several: a cache of 1000 holds no more than a megabyte of them", (t) => {
  const cache = createVerifiedCache(1000);
  const tokens = Array.from({ length: 1000 }, (_, index) => `${index}`.padEnd(8 * 1024, "x"));
  for (const token of tokens) cache.put(token, signed(token));
  const found = tokens.filter((token) => cache.get(token) !== undefined);
  t.true(found.length > 60 && found.length <= 128, `${found.length} are held`);
});

test("with 0 entries nothing is kept and nothing counted", (t) => {
  const cache = createVerifiedCache(0);
  cache.put("a.b.c", signed("one"));
  t.is(cache.get("a.b.c"), undefined);
  t.deepEqual([cache.hits, cache.misses], [0, 0]);
});
