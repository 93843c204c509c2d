import type { ExecutionContext, TestFn } from "ava";

/** What can end with a test, or with the last test of a file. */
export type Ending = Pick<ExecutionContext<unknown>, "teardown">;

/**
 * One service, or another costly thing, for those tests of a file that leave it as they found it. The first test that
 * asks for it starts it; it ends after the last test of the file.
 */
export function shared<Thing>(test: TestFn, start: (t: Ending) => Promise<Thing>): () => Promise<Thing> {
  const ends: (() => unknown)[] = [];
  let started: Promise<Thing> | undefined;
  test.after.always(async () => {
    for (const end of ends.toReversed()) await end();
  });
  return () => {
    started ??= start({ teardown: (end) => void ends.push(end) });
    return started;
  };
}
