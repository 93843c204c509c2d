import { startSchedule } from "../../async/schedule.ts";
import type { Caller } from "../../caller.ts";
import { pauseAfterWatch } from "../../state/keyvalue.ts";
import { KeyringError } from "../error.ts";
import { createStoreReload, RELOAD } from "../shared-reload.ts";
import type { TokenKeys } from "../token-keys.ts";
import { type RotationPlan, rotationPlan, timeToRotate } from "./forecast.ts";
import { nextChange, nextRotation, type Postponed, takingOver } from "./key-states.ts";
import type { KeyringOptions } from "./options.ts";
import { planEmergency, planManual } from "./plan.ts";
import { brokenBounds, type KeyPolicy, timeInStore } from "./policy.ts";
import { type EpochRecord, NEVER } from "./record.ts";
import { RingKeeper } from "./ring-keeper.ts";
import { type JwksKey, jwksOf, type KeyInfo, keyInfos } from "./views.ts";

/**
 * The keys of a keyset, and their rotation. Apart from `start`, members that return no promise do no I/O. Times in Unix
 * milliseconds.
 */
export interface Keyring extends TokenKeys {
  readonly keyset: string;
  readonly policy: KeyPolicy;
  /** Why no key may sign although the ring has one, human-readable; undefined when nothing prevents it. */
  readonly obstacle: string | undefined;
  /** Every key that a verifier must know now, the newest first. */
  jwks(now: number): readonly JwksKey[];
  /** Every key that the ring lists, the newest first. */
  list(now: number): readonly KeyInfo[];
  /** When the next key takes over; in the past while replicas are late to know it. Undefined when none is planned. */
  nextRotation(now: number): number | undefined;
  /** The next rotation, and how early an operator may bring it forward. */
  plan(now: number): RotationPlan;
  /**
   * Lets the next key take over at `at`, or as early as is safe, for `caller`. Rejects with the Problem TOO_EARLY,
   * INVALID_REQUEST or NO_SIGNING_KEY, and with a {@link KeyringError} when the store or a key fails.
   */
  rotate(at?: number, caller?: Caller): Promise<Rotation>;
  /**
   * Revokes a key, and resolves to the ring after that. Revoking a key again changes nothing. Rejects as `maintain`
   * does.
   */
  revoke(kid: string, reason: string, caller?: Caller): Promise<EpochRecord>;
  /** Follows the store, and rotates when it is time, until `stop`. */
  start(): void;
  /** Brings the ring up to date once. Rejects, and leaves the ring as it was, when the store or a key fails. */
  maintain(): Promise<void>;
  /**
   * Resolves when the store was read again; undefined when it was read so lately that it knows no other key that signs.
   * Rejects as `maintain` does, also in the cool-down after a failure.
   */
  reload(): Promise<void> | undefined;
  /** Resolves when nothing of the keyring is running, and its private keys are destroyed. */
  stop(): Promise<void>;
}

/** The key that takes over, when it does, and the epoch that says so. */
export interface Rotation {
  readonly kid: string;
  readonly signFrom: number;
  readonly epoch: number;
}

/**
 * Opens the ring as {@link RingKeeper.open} does. Throws {@link KeyringError} BAD_POLICY when the policy breaks a
 * bound.
 */
export async function openKeyring(options: KeyringOptions): Promise<Keyring> {
  checkPolicy(options);
  const { late = () => [], policy } = options;
  const postponed: Postponed = ({ signFrom, since }, time) =>
    time < signFrom + policy.activationDelay && late(since).length > 0;
  return createKeyring(await RingKeeper.open(options, postponed), { ...options, late }, postponed);
}

function createKeyring(
  keeper: RingKeeper,
  options: Required<Pick<KeyringOptions, "late">> & KeyringOptions,
  postponed: Postponed,
): Keyring {
  const { keyset, policy, now, late, report, retired = false } = options;
  const distrusted = new Set<string>();
  let reportedLate: string | undefined;
  let stopSchedule = async (): Promise<void> => {};

  const reportProblem = (error: unknown) => report({ type: "problem", keyset, error });

  async function maintain(): Promise<void> {
    await keeper.maintain();
    const waiting = takingOver(keeper.ring.record, now(), postponed);
    if (waiting === undefined || waiting.kid === reportedLate) return;
    reportedLate = waiting.kid;
    report({ type: "late", keyset, kid: waiting.kid, replicas: late(waiting.since) });
  }

  /** A standby has signed nothing, and in a retired ring it never will. */
  function listed(record: EpochRecord): EpochRecord {
    return retired ? { ...record, keys: record.keys.filter(({ signFrom }) => signFrom !== NEVER) } : record;
  }

  /** The answer to a caller has no cause: it is reported here. */
  function reportingErrors<Result>(work: Promise<Result>): Promise<Result> {
    return work.catch((error) => {
      if (error instanceof KeyringError) reportProblem(error);
      throw error;
    });
  }

  return {
    keyset,
    policy,
    get epoch() {
      return keeper.ring.record.epoch;
    },
    get obstacle() {
      return keeper.obstacle;
    },
    signer(time) {
      const key = keeper.obstacle === undefined && !retired ? keeper.ring.signer(time) : undefined;
      return key === undefined || distrusted.has(key.kid) ? undefined : key;
    },
    verifier: (kid, time) => keeper.ring.verifier(kid, time),
    verifiers: (time) => keeper.ring.verifiers(time),
    // Only the text of an imported secret has more than one.
    otherReading: () => undefined,
    distrust(kid) {
      distrusted.add(kid);
      report({ type: "distrusted", keyset, kid });
    },
    jwks: (time) => jwksOf(listed(keeper.ring.record), time),
    list: (time) =>
      keyInfos(listed(keeper.ring.record), time, { postponed, late }).map((key) =>
        retired || distrusted.has(key.kid) ? outOfUse(key) : key,
      ),
    nextRotation(time) {
      const { record } = keeper.ring;
      return takingOver(record, time, postponed)?.signFrom ?? nextRotation(record, time);
    },
    plan: (time) => rotationPlan(keeper.ring.record, time, policy, postponed),
    async rotate(at, caller) {
      let rotation: Omit<Rotation, "epoch"> | undefined;
      const change = keeper.change((ring, time) => {
        const next = timeToRotate(ring, time, policy, at);
        rotation = { kid: next.key.kid, signFrom: next.at };
        return planManual(ring, time, policy, next);
      }, caller);
      const { epoch } = await reportingErrors(change);
      if (rotation === undefined) throw new Error("a rotation was never planned");
      return { ...rotation, epoch };
    },
    revoke: (kid, reason, caller) =>
      reportingErrors(keeper.change((ring, time) => planEmergency(ring, time, policy, kid, reason), caller)),
    reload: createStoreReload(() => reportingErrors(maintain()), now, Math.min(RELOAD.coolDown, timeInStore(policy))),
    maintain,
    start() {
      stopSchedule = startSchedule({
        run: maintain,
        now,
        nextRun: (since) => Math.min(nextChange(keeper.ring.record, since), now() + keeper.msUntilMending),
        triggers: (signal) => keeper.follow(signal),
        onError: reportProblem,
        pauseAfter: pauseAfterWatch,
      });
    },
    async stop() {
      await stopSchedule();
      await keeper.close();
    },
  };
}

/** A key that is distrusted, or of a retired ring, no longer signs; what it signed before still verifies. */
function outOfUse(key: KeyInfo): KeyInfo {
  return key.state === "removed" || key.state === "revoked" ? key : { ...key, state: "retired" };
}

function checkPolicy({ keyset, policy }: KeyringOptions): void {
  const messages = brokenBounds(policy).map(({ path, message }) => `${path} ${message}`);
  if (messages.length > 0) throw new KeyringError("BAD_POLICY", `keyset ${keyset}: ${messages.join("; ")}`);
}
