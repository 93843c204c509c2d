import { setTimeout as pause } from "node:timers/promises";
import test from "ava";
import { boundByRounds } from "../../support/rounds.ts";
import { waitUntil } from "../../support/wait-until.ts";
import { type AttackName, everyAttack, FROM, type Intruder } from "./every-attack.ts";
import { startTarget } from "./target.ts";
import { underAttack } from "./under-attack.ts";

const MOST_MIB = 300;

const isSoak = process.env.SOAK !== undefined;

/** The attacks of each `make test`, a second each. `make soak` has all of them, five seconds each. */
const SHORT: readonly (readonly [AttackName, Intruder])[] = [
  ["reflection answers that are never read", "local"],
  ["60 000 silent streams", "local"],
  ["40 000 unread answers", "local"],
  ["60 000 silent streams", "unlisted"],
  ["a ClientHello that is sent again and again", "unproven"],
];

for (const [name, intruder] of isSoak ? everyAttack() : SHORT)
  test.serial(`${name} ${FROM[intruder]} take less than ${MOST_MIB} MiB, and honest calls are answered`, async (t) => {
    t.timeout(300_000);
    const { service, peakMiB, metric, honestCalls } = await underAttack(t, name, intruder);
    await pause(isSoak ? 5_000 : 1_000);
    const calls = await honestCalls();
    t.true(calls > 0);
    const peak = await peakMiB();
    t.log(`${Math.round(peak ?? 0)} MiB, ${calls} honest calls, ${await metric("signet_grpc_open_calls")} open calls`);
    t.is(service.process.child.exitCode ?? service.process.child.signalCode, null);
    t.true(peak !== undefined && peak < MOST_MIB, `${peak} MiB`);
  });

for (const intruder of ["local", "unlisted"] as const)
  test.serial(
    `connections ${FROM[intruder]} are gone when their clients were killed, whatever they had sent`,
    async (t) => {
      boundByRounds(t);
      const { attack, metric } = await startTarget(t, intruder);
      const bomb = await attack("an HPACK bomb");
      await waitUntil("it is connected", async () => (await metric("signet_grpc_connections")) > 20);
      await bomb.end();
      await waitUntil("nobody else is", async () => (await metric("signet_grpc_connections")) <= 1);
      t.pass();
    },
  );

test.serial("without the bounds, silent streams take more than that", async (t) => {
  t.timeout(300_000);
  const without = {
    SIGNET_GRPC_MAX_OPEN_CALLS: "1000000",
    SIGNET_GRPC_MAX_CONCURRENT_STREAMS: "10000",
    SIGNET_GRPC_MAX_BUFFERED_BYTES: String(2 ** 40),
  };
  const { peakMiB } = await underAttack(t, "60 000 silent streams", "local", without);
  await waitUntil("the service takes more", async () => ((await peakMiB()) ?? 0) > MOST_MIB);
  t.pass();
});
