import { startSchedule } from "../../async/schedule.ts";
import { pauseAfterWatch } from "../../state/keyvalue.ts";
import { KeyringError } from "../error.ts";
import { createSharedReload } from "../reload.ts";
import type { TokenKeys } from "../token-keys.ts";
import { type RotationPlan, rotationPlan, timeToRotate } from "./forecast.ts";
import type { KeyringOptions } from "./options.ts";
import { planEmergency, planManual } from "./plan.ts";
import { brokenBounds, type KeyPolicy } from "./policy.ts";
import type { EpochRecord } from "./record.ts";
import { nextChange, nextRotation, type Postponed, takingOver } from "./ring.ts";
import { type KeptRing, keepRing } from "./ring-keeper.ts";
import { type JwksKey, jwksOf, type KeyInfo, keyInfos } from "./views.ts";

/**
 * A keyset's keys, now and as time goes on. All but `start`, `maintain`, `rotate`, `revoke` and `stop` is synchronous and
 * does no I/O. Times in Unix milliseconds.
 */
export interface Keyring extends TokenKeys {
  readonly keyset: string;
  readonly policy: KeyPolicy;
  /** Every key that a verifier must know now, the newest first. */
  jwks(now: number): readonly JwksKey[];
  /** Every key that is listed, the newest first. */
  list(now: number): readonly KeyInfo[];
  /** Whole seconds until the next key takes over, rounded up; undefined when none is waiting. */
  secondsToNextRotation(now: number): number | undefined;
  /** What the next rotation is, and how early it may be. */
  plan(now: number): RotationPlan;
  /**
   * Lets the next key take over at `at`, or as early as is safe, for `caller`. Rejects with the Problem TOO_EARLY or INVALID_REQUEST, and
   * with a {@link KeyringError} when the store or a key fails.
   */
  rotate(at?: number, caller?: string): Promise<Rotation>;
  /** Takes a key back; the answer is the ring after it. That a key was taken back before is no fault. Rejects as `maintain` does. */
  revoke(kid: string, reason: string, caller?: string): Promise<EpochRecord>;
  /** Follows the store and rotates when it is time, until `stop`. */
  start(): void;
  /** Brings the ring up to date once. Rejects, and leaves the ring as it was, when the store or a key fails. */
  maintain(): Promise<void>;
  /** Resolves to whether the store was read in time; rejects as `maintain` does, also in the cool-down after it did. */
  reload(): Promise<boolean> | undefined;
  /** Resolves when nothing of the keyring is under way any more. */
  stop(): Promise<void>;
}

/** Which key takes over, when, and the epoch that says so. */
export interface Rotation {
  readonly kid: string;
  readonly signFrom: number;
  readonly epoch: number;
}

/**
 * Loads the keyset's newest epoch, and makes what is due; a keyset without one gets its first. Throws {@link KeyringError}
 * and never makes new keys over an epoch that it can't read.
 */
export async function openKeyring(options: KeyringOptions): Promise<Keyring> {
  refuseBrokenPolicy(options);
  const { late = nobody, policy } = options;
  const postponed: Postponed = ({ signFrom, since }, time) =>
    time < signFrom + policy.activationDelay && late(since).length > 0;
  return runKeyring(await keepRing(options, postponed), { ...options, late }, postponed);
}

const nobody = (): readonly string[] => [];

function runKeyring(
  kept: KeptRing,
  options: Required<Pick<KeyringOptions, "late">> & KeyringOptions,
  postponed: Postponed,
): Keyring {
  const { keyset, policy, now, late, report } = options;
  const distrusted = new Set<string>();
  let toldOf: string | undefined;
  let stopSchedule = async (): Promise<void> => {};

  const problem = (error: unknown) => report({ type: "problem", keyset, error });

  async function maintain(): Promise<void> {
    await kept.maintain();
    const waiting = takingOver(kept.ring.record, now(), postponed);
    if (waiting === undefined || waiting.kid === toldOf) return;
    toldOf = waiting.kid;
    report({ type: "late", keyset, kid: waiting.kid, replicas: late(waiting.since) });
  }

  /** Told here: what a caller is answered has no cause. */
  function orTell<Result>(work: Promise<Result>): Promise<Result> {
    return work.catch((error) => {
      if (error instanceof KeyringError) problem(error);
      throw error;
    });
  }

  return {
    keyset,
    policy,
    get epoch() {
      return kept.ring.record.epoch;
    },
    signer(time) {
      const key = kept.outdated ? undefined : kept.ring.signer(time);
      return key === undefined || distrusted.has(key.kid) ? undefined : key;
    },
    verifier: (kid, time) => kept.ring.verifier(kid, time),
    verifiers: (time) => kept.ring.verifiers(time),
    // A public key has one reading.
    otherReading: () => undefined,
    distrust(kid) {
      distrusted.add(kid);
      report({ type: "distrusted", keyset, kid });
    },
    jwks: (time) => jwksOf(kept.ring.record, time),
    list: (time) =>
      keyInfos(kept.ring.record, time, { postponed, late }).map((key) =>
        distrusted.has(key.kid) ? outOfUse(key) : key,
      ),
    secondsToNextRotation(time) {
      const next = nextRotation(kept.ring.record, time);
      return next === undefined ? undefined : Math.max(0, Math.ceil((next - time) / 1000));
    },
    plan: (time) => rotationPlan(kept.ring.record, time, policy, postponed),
    async rotate(at, caller) {
      let rotation: Omit<Rotation, "epoch"> | undefined;
      const change = kept.change((ring, time) => {
        const next = timeToRotate(ring, time, policy, at);
        rotation = { kid: next.key.kid, signFrom: next.at };
        return planManual(ring, time, policy, next);
      }, caller);
      const { epoch } = await orTell(change);
      if (rotation === undefined) throw new Error("a rotation planned nothing");
      return { ...rotation, epoch };
    },
    revoke: (kid, reason, caller) =>
      orTell(kept.change((ring, time) => planEmergency(ring, time, policy, kid, reason), caller)),
    reload: createSharedReload(() => orTell(maintain()), now),
    maintain,
    start() {
      stopSchedule = startSchedule({
        run: maintain,
        msUntilNext: () => nextChange(kept.ring.record, now()) - now(),
        triggers: kept.follow,
        onError: problem,
        pauseAfter: pauseAfterWatch,
      });
    },
    async stop() {
      await stopSchedule();
      await kept.idle();
    },
  };
}

/** A key that is distrusted signs nothing any more; what it signed before still verifies. */
function outOfUse(key: KeyInfo): KeyInfo {
  return key.state === "removed" || key.state === "revoked" ? key : { ...key, state: "retired" };
}

function refuseBrokenPolicy({ keyset, policy }: KeyringOptions): void {
  const messages = brokenBounds(policy).map(({ path, message }) => `${path} ${message}`);
  if (messages.length > 0) throw new KeyringError("BAD_POLICY", `keyset ${keyset}: ${messages.join("; ")}`);
}
