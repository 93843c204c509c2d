import { KeyringError } from "../keyring/error.ts";
import { StateError } from "../state/keyvalue.ts";

/** Whether a failure at this place is news. */
export type IsNewFailure = (where: string, error: unknown) => boolean;

/** Longer than what fails is left alone before it is tried again. */
const QUIET_MS = 15_000;

/**
 * One that goes on is told once, however many meet it and as long as it is met again within 15 s.
 * `now` in Unix milliseconds.
 */
export function newFailures(now: () => number): IsNewFailure {
  const seen = new Map<string, number>();
  return (where, error) => {
    const name = JSON.stringify([where, ...codesOf(error)]);
    const before = seen.get(name) ?? Number.NEGATIVE_INFINITY;
    seen.set(name, now());
    return now() - before >= QUIET_MS;
  };
}

/** Of what lies below all: the same outage is met in reading, writing and watching. */
function codesOf(error: unknown): readonly string[] {
  if (!(error instanceof Error)) return [];
  if (isOurs(error.cause)) return codesOf(error.cause);
  return isOurs(error) ? [error.name, error.code] : [error.name, error.message];
}

function isOurs(error: unknown): error is Error & { readonly code: string } {
  return error instanceof KeyringError || error instanceof StateError;
}
