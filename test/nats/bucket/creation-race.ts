import type { ExecutionContext } from "ava";
import { HANGS_MS } from "../../support/bounded.ts";
import { bytes, type StoreUnderTest } from "./store-under-test.ts";

const CREATORS = 50;

/**
 * Lets fifty creators race for one key, again and again: each round has one winner, whose value stays. The control,
 * which reads and then writes, must have several, or the round was no race.
 */
export async function raceForClaims(
  t: ExecutionContext<unknown>,
  stores: readonly StoreUnderTest[],
  rounds: number,
  random: (from: number, to: number) => number,
): Promise<void> {
  for (let round = 0; round < rounds; round++) {
    const key = `race/${round}`;
    const creators = Array.from({ length: CREATORS }, () => stores[random(0, stores.length)]);
    const revisions = await Promise.all(creators.map((creator, id) => creator?.store.create(key, bytes(String(id)))));
    const winners = revisions.flatMap((revision, id) => (revision === undefined ? [] : [{ revision, id }]));
    t.is(winners.length, 1, `round ${round}`);
    for (const { store } of stores) {
      const found = await store.get(key);
      t.is(Buffer.from(found?.value ?? []).toString(), String(winners[0]?.id));
      t.is(found?.revision, winners[0]?.revision);
    }
  }
  const careless = await Promise.all(stores.map((store) => readThenWrite(store, "race/control")));
  t.true(careless.filter((won) => won).length > 1, "the control has several winners");
}

async function readThenWrite({ link, store }: StoreUnderTest, key: string): Promise<boolean> {
  if ((await store.get(key)) !== undefined) return false;
  await link.connection
    ?.jetstream({ timeout: HANGS_MS })
    .publish(`$KV.signet.${key.replaceAll("/", ".")}`, bytes("mine"));
  return true;
}
