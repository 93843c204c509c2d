import test from "ava";
import { Quiet, type Spin } from "../../bench/machine/quiet.ts";

/** Quiet within 25 percent, on cores that take these times in turn. */
async function verdicts(...turns: readonly (readonly Spin[])[]): Promise<boolean[]> {
  const left = [...turns];
  const quiet = new Quiet(25, async () => left.shift() ?? []);
  const found: boolean[] = [];
  for (const _ of turns) found.push(await quiet.isQuiet());
  return found;
}

const spin = (wall: number, cpu = wall): Spin => ({ wall, cpu });

test("a core that another process has makes a machine loud, if the loop runs on none but that one too", async (t) => {
  t.deepEqual(await verdicts([spin(100), spin(110)], [spin(100), spin(190, 100)]), [true, false]);
});

test("a core that became slow for all makes a machine loud: its loop takes more CPU than it ever did", async (t) => {
  t.deepEqual(await verdicts([spin(100)], [spin(140)], [spin(120)]), [true, false, true]);
});

test("a machine that was never quiet is not taken for one: the clock is compared with the CPU", async (t) => {
  t.deepEqual(await verdicts([spin(210, 100)], [spin(200, 100)]), [false, false]);
});
