import { readFileSync } from "node:fs";
import test from "ava";
import { quantile } from "../../../bench/statistics.ts";
import { waitUntil } from "../../support/wait-until.ts";
import { ALL_ATTACKS, everyAttack, FROM } from "./every-attack.ts";
import { type Disturbance, startTarget, type Target } from "./target.ts";

/** How many times as long honest calls may wait beside an attack as beside a flood of honest calls. */
const MOST_TIMES = 5;
/** The most connections of the flood; an attack may have more. */
const FLOOD = 20;
const ROUNDS = 3;
/** The honest calls of a round, made by so many workers, for a second or longer. */
const CALLS = 100;
const WORKERS = 4;
const LEAST_MS = 1_000;

for (const [name, intruder] of process.env.SOAK === undefined ? [] : everyAttack())
  test.serial(`beside ${name} ${FROM[intruder]}, honest calls wait about as long as beside honest ones`, async (t) => {
    t.timeout(600_000);
    const target = await startTarget(t, intruder);
    const connections = Math.min(FLOOD, ALL_ATTACKS[name].connections);
    const times = await p99Ratio(
      target,
      () => target.flood(connections),
      () => target.attack(name),
    );
    t.log(`${times.toFixed(2)} times the p99`);
    t.true(times < MOST_TIMES, `${times}`);
  });

const CONTROL = "control: beside a hundred times as many honest calls, they wait longer";
if (process.env.SOAK === undefined) test.skip(`${CONTROL} (skipped: make soak runs it, and all attacks)`, () => {});
else
  test.serial(CONTROL, async (t) => {
    t.timeout(600_000);
    const target = await startTarget(t, "unlisted");
    const times = await p99Ratio(
      target,
      () => target.flood(1),
      () => target.flood(100),
    );
    t.log(`${times.toFixed(2)} times the p99`);
    t.true(times > MOST_TIMES, `${times}`);
  });

/** How many times the p99 of honest calls beside the first disturbance is that beside the second, in rounds of both. */
async function p99Ratio(
  target: Target,
  ...disturbances: readonly [() => Promise<Disturbance>, () => Promise<Disturbance>]
): Promise<number> {
  const waits: readonly [number[], number[]] = [[], []];
  for (let round = 0; round < ROUNDS; round++)
    for (const [index, disturb] of disturbances.entries()) {
      const disturbance = await disturb();
      waits[index]?.push(...(await waitsOfCalls(target)));
      await disturbance.end();
      await waitUntil("its calls are gone", async () => (await target.metric("signet_grpc_open_calls")) === 0);
    }
  return quantile(waits[1], 0.99) / quantile(waits[0], 0.99);
}

/** How long the server worked on other things and on the call itself before it answered it, for each call. */
async function waitsOfCalls({ service, kept, verify }: Target): Promise<number[]> {
  const waits: number[] = [];
  const end = performance.now() + LEAST_MS;
  const pid = Number(service.process.child.pid);
  const work = async () => {
    while (waits.length < CALLS || performance.now() < end) {
      const before = busyNanoseconds(pid);
      await verify(kept);
      waits.push(busyNanoseconds(pid) - before);
    }
  };
  await Promise.all(Array.from({ length: WORKERS }, work));
  return waits;
}

/**
 * The time that the event loop of a process has had a core (Linux). It stands still while other processes have all of
 * them, as the attackers do here, whereas they have their own machines elsewhere.
 */
function busyNanoseconds(pid: number): number {
  return Number(readFileSync(`/proc/${pid}/task/${pid}/schedstat`, "utf8").split(" ")[0]);
}
