import test from "ava";
import { backoff } from "../../../src/async/backoff.ts";
import { durabilityHorizon } from "../../../src/audit/forward/forwarder.ts";

test("the horizon is twice the server's sync interval, and at least a minute, also for a server that always syncs", (t) => {
  t.is(durabilityHorizon(120_000), 240_000);
  t.is(durabilityHorizon(30_000), 60_000);
  t.is(durabilityHorizon(1), 60_000);
  t.is(durabilityHorizon(0), 60_000);
  t.is(durabilityHorizon("always"), 60_000);
});

test("the back-off starts at 250 ms, grows to at most 5 s and is spread by the jitter", (t) => {
  for (const failures of [1, 2, 5, 50, 5000]) t.is(backoff(failures, 0), 250);
  t.is(backoff(1, 0.999999), 500);
  t.is(backoff(2, 0.999999), 1000);
  t.is(backoff(5000, 0.999999), 5000);
});
