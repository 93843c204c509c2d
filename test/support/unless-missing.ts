import test, { type Implementation } from "ava";

type Register = (title: string, implementation: Implementation<[]>) => void;

interface Registry {
  /** How a test that can run is registered: `test` by default, or `test.serial`. */
  readonly run?: Register;
  readonly skip?: Register;
  /** By default what the environment variable says. */
  readonly isCi?: boolean;
}

/**
 * Registers a test that needs something of this machine. `missing` says what of it is not there: the test is then
 * skipped with that notice. In CI it fails with it, since a test that runs nowhere shows nothing.
 */
export function testUnless(
  missing: string | undefined,
  title: string,
  implementation: Implementation<[]>,
  { run = test, skip = test.skip, isCi = Boolean(process.env.CI) }: Registry = {},
): void {
  if (missing === undefined) run(title, implementation);
  else if (isCi) run(title, (t) => t.fail(missing));
  else skip(`${title} (skipped: ${missing})`, implementation);
}
