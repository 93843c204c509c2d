import test from "ava";
import type { OpenCall } from "../../../src/grpc/connections/connection.ts";
import { leastMissed } from "../../../src/grpc/connections/giving-way.ts";

const NOW = 100_000;

const idleFor = (ms: number) => ({ calls: [], idleSince: NOW - ms, usage: () => 0 });
const inUse = (usage: number) => ({ calls: [{} as OpenCall], idleSince: 0, usage: () => usage });

test("the connection that has had no call for the longest time makes room, and calls that stay open count after it", (t) => {
  const idle = idleFor(2_000);
  t.is(leastMissed([idleFor(1_500), idle, inUse(4)], NOW), idle);
});

test("a client between two calls stays while others hold streams open; the one that holds most makes room", (t) => {
  const most = inUse(4);
  t.is(leastMissed([idleFor(999), inUse(3), most], NOW), most);
});

test("while every other connection serves a call, the one that is idle makes room, however short it was", (t) => {
  const idle = idleFor(20);
  t.is(leastMissed([inUse(1), idleFor(10), idle, inUse(0.2)], NOW), idle);
});

test("no connection makes room while each of them has one call", (t) => {
  t.is(leastMissed([inUse(1), inUse(0.5)], NOW), undefined);
});
