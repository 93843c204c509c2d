import { setImmediate as turn } from "node:timers/promises";
import test from "ava";
import { createRevocationFile } from "../../src/replica/revocations-snapshot.ts";
import { openSnapshotFiles } from "../../src/replica/snapshot-files.ts";
import type { Revocation } from "../../src/revoke/revocation.ts";
import { tempFolder } from "../support/files/temp.ts";

const MANY = 5_000;

const revocations = Array.from(
  { length: MANY },
  (_, at): Revocation => ({ kind: "token", profile: "service", tenant: "", at, until: at + 60_000, tokenId: `t${at}` }),
);

test("all revocations are there again, and other work had its turn while they were written down", async (t) => {
  const stopping = new AbortController();
  const first = Promise.withResolvers<void>();
  const files = await openSnapshotFiles(await tempFolder(t), (file) => t.fail(file));
  async function saveLines(...args: Parameters<typeof files.saveLines>): Promise<void> {
    await files.saveLines(...args);
    first.resolve();
  }
  const file = createRevocationFile({ ...files, saveLines }, (error) => t.fail(String(error)));
  t.is(await file.load(), undefined);
  let turns = 0;
  let begun = false;
  const kept = {
    *all() {
      begun = true;
      yield* revocations;
    },
    async *watch(signal: AbortSignal) {
      yield "current" as const;
      await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
    },
  };
  const keeping = file.keep(kept, stopping.signal);
  const counting = (async () => {
    while (!stopping.signal.aborted) {
      await turn();
      if (begun) turns += 1;
    }
  })();
  await first.promise;
  stopping.abort();
  await Promise.all([keeping, counting]);
  t.deepEqual(await file.load(), revocations);
  t.true(turns >= MANY / 1_000, `${turns} turns`);
});
