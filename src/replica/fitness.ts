import type { Config } from "../config/config.ts";
import { Problem } from "../problem/problem.ts";
import { formatDuration } from "../schema/duration.ts";
import type { ClockCheck } from "./clock-check.ts";
import type { Contact } from "./contact.ts";

/** Whether this replica may issue and rotate, whatever the profile. */
export interface Fitness {
  /** What must happen before tokens may be issued, human-readable. Empty: nothing. */
  waitsFor(): readonly string[];
  /** Throws the Problem CLOCK_DIFFERS: every time that this replica writes down would be wrong. */
  requireRightClock(): void;
  /** Throws the Problem CLOCK_DIFFERS, STORE_FORGETS or OFFLINE_TOO_LONG. */
  requireFit(): void;
  /** Milliseconds since the last contact with the store. */
  ageMs(): number;
  /** How far the clock of the store is ahead, in milliseconds. Undefined: it was never measured. */
  clockOffsetMs(): number | undefined;
}

/** The fitness of a single process, which depends on no other. */
export const ALWAYS_FIT: Fitness = {
  waitsFor: () => [],
  requireRightClock: () => {},
  requireFit: () => {},
  ageMs: () => 0,
  clockOffsetMs: () => undefined,
};

const RETRY_AFTER_MS = 5_000;

export interface FitnessParts {
  readonly contact: Contact;
  readonly clock: ClockCheck;
  /** The settings with which the store forgets what it stored, human-readable. */
  readonly refused: () => readonly string[];
  /** Why there is no contact, human-readable, as far as is known. */
  readonly obstacle: () => string | undefined;
}

export function createFitness(
  { contact, clock, refused, obstacle }: FitnessParts,
  { state, clockSkewMs }: Pick<Config, "state" | "clockSkewMs">,
): Fitness {
  const maxOffline = formatDuration(state.maxOfflineMs);
  const skew = formatDuration(clockSkewMs);
  const lastHeard = (ageMs: number) =>
    Number.isFinite(ageMs)
      ? `last heard from ${showSeconds(ageMs)} ago (state.max_offline: ${maxOffline})`
      : "which this replica could not use yet";
  function requireRightClock(): void {
    if (clock.agrees()) return;
    const message =
      `the clock of this replica and that of NATS differ by more than rotation.clock_skew (${skew}): ` +
      "call another replica";
    throw new Problem("CLOCK_DIFFERS", message, { retryAfterMs: RETRY_AFTER_MS });
  }

  return {
    ageMs: contact.ageMs,
    clockOffsetMs: clock.offsetMs,
    requireRightClock,
    waitsFor() {
      const reasons = reasonsOf(refused());
      // While a setting is refused, the last contact is not what to look into.
      if (contact.tooLongAgo && reasons.length === 0) {
        const cause = obstacle();
        const state = `the shared state (NATS), ${lastHeard(contact.ageMs())}`;
        reasons.push(cause === undefined ? state : `${state}: ${cause}`);
      }
      const offset = clock.offsetMs();
      if (!clock.agrees() && offset !== undefined) {
        const how = `${showSeconds(Math.abs(offset))} ${offset > 0 ? "behind" : "ahead of"}`;
        reasons.push(`the right time: the clock of this replica is ${how} that of NATS (rotation.clock_skew: ${skew})`);
      }
      return reasons;
    },
    requireFit() {
      requireRightClock();
      if (refused().length > 0) throw storeForgets("keys and revocations");
      if (!contact.tooLongAgo) return;
      const message =
        "this replica issues nothing: its last contact with the shared state was " +
        `longer ago than state.max_offline (${maxOffline})`;
      throw new Problem("OFFLINE_TOO_LONG", message, { retryAfterMs: RETRY_AFTER_MS });
    },
  };
}

/** What `waitsFor` says of refused settings. */
export function reasonsOf(refused: readonly string[]): string[] {
  return refused.map((setting) => `another setting: ${setting}`);
}

/** `what`: what NATS would forget. */
export function storeForgets(what: string): Problem {
  const message = `nothing is issued: with its present settings NATS would forget ${what}. /readyz names them`;
  return new Problem("STORE_FORGETS", message, { retryAfterMs: RETRY_AFTER_MS });
}

function showSeconds(ms: number): string {
  return `${Math.round(ms / 1000)} s`;
}
