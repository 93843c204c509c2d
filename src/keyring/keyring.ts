import type { KeyValue } from "../state/keyvalue.ts";
import type { TokenKeys } from "../token/keys.ts";
import type { KeyPolicy } from "./bounds.ts";
import { brokenBounds } from "./bounds.ts";
import type { RecordKeys } from "./envelope.ts";
import type { Epochs } from "./epochs.ts";
import { epochsOf } from "./epochs.ts";
import { KeyringError } from "./error.ts";
import type { KeyringEvent } from "./event.ts";
import { epochCreated } from "./event.ts";
import type { LoadedRing, LoadTools } from "./loaded-ring.ts";
import { loadRing } from "./loaded-ring.ts";
import { makeEpoch } from "./make-epoch.ts";
import { keysetRecords } from "./parse-record.ts";
import { planEpoch } from "./plan.ts";
import type { EpochRecord, KeysetAlgorithm } from "./record.ts";
import { startSchedule } from "./schedule.ts";
import { sharedReload } from "./shared-reload.ts";
import { nextChange, nextRotation } from "./state.ts";
import type { JwksKey, KeyInfo } from "./views.ts";
import { jwksOf, keyInfos } from "./views.ts";

export interface KeyringOptions extends LoadTools {
  /** `[A-Za-z0-9_-]+`. */
  readonly keyset: string;
  readonly alg: KeysetAlgorithm;
  readonly policy: KeyPolicy;
  readonly store: KeyValue;
  readonly recordKeys: RecordKeys;
  /** Unix milliseconds. It may step: nothing breaks. */
  readonly now: () => number;
  /** Whether a verifier may hold a JWKS from before this keyset's first key: that key then waits its lead. */
  readonly shown: boolean;
  readonly report: (event: KeyringEvent) => void;
}

/** A keyset's keys, now and as time goes on. All but `start`, `maintain` and `stop` is synchronous and does no I/O. */
export interface Keyring extends TokenKeys {
  readonly keyset: string;
  /** Every key that a verifier must know now, the newest first. */
  jwks(now: number): readonly JwksKey[];
  /** Every key that is listed, the newest first. */
  list(now: number): readonly KeyInfo[];
  /** Whole seconds until the next key takes over, rounded up; undefined when none is waiting. */
  secondsToNextRotation(now: number): number | undefined;
  /** Follows the store and rotates when it is time, until `stop`. */
  start(): void;
  /** Brings the ring up to date once. Rejects, and leaves the ring as it was, when the store or a key fails. */
  maintain(): Promise<void>;
  /** Resolves when nothing of the keyring is under way any more. */
  stop(): Promise<void>;
}

/**
 * Loads the keyset's newest epoch, and makes what is due; a keyset without one gets its first. Throws {@link KeyringError}
 * and never makes new keys over an epoch that it can't read.
 */
export async function openKeyring(options: KeyringOptions): Promise<Keyring> {
  refuseBrokenPolicy(options);
  const epochs = epochsOf(keysetRecords(options.keyset), options.store, options.recordKeys);
  const record = await epochs.latest();
  const found = record && (await loadRing(record, options));
  return runKeyring(await advance(found, epochs, options, options.shown), epochs, options);
}

function runKeyring(opened: LoadedRing, epochs: Epochs<EpochRecord>, options: KeyringOptions): Keyring {
  const { keyset, now, report } = options;
  let ring = opened;
  let tidiedEpoch = 0;
  const distrusted = new Set<string>();
  let lastTurn = Promise.resolve();
  let stopSchedule = async (): Promise<void> => {};

  async function turn(): Promise<void> {
    const newer = await epochs.latest(ring.record.epoch);
    if (newer !== undefined) ring = await loadRing(newer, options);
    // By now the JWKS was shown to whoever asked.
    ring = await advance(ring, epochs, options, true);
    if (tidiedEpoch === ring.record.epoch) return;
    await epochs.emptyBelow(ring.record.epoch);
    tidiedEpoch = ring.record.epoch;
  }

  // One at a time: two turns at once would make two rings out of one.
  function maintain(): Promise<void> {
    lastTurn = lastTurn.catch(() => {}).then(turn);
    return lastTurn;
  }

  return {
    keyset,
    get epoch() {
      return ring.record.epoch;
    },
    signer(time) {
      const key = ring.signer(time);
      return key === undefined || distrusted.has(key.kid) ? undefined : key;
    },
    verifier: (kid, time) => ring.verifier(kid, time),
    verifiers: (time) => ring.verifiers(time),
    // A public key has one reading.
    otherReading: () => undefined,
    distrust(kid) {
      distrusted.add(kid);
      report({ type: "distrusted", keyset, kid });
    },
    jwks: (time) => jwksOf(ring.record, time),
    list: (time) => keyInfos(ring.record, time).map((key) => (distrusted.has(key.kid) ? outOfUse(key) : key)),
    secondsToNextRotation(time) {
      const next = nextRotation(ring.record, time);
      return next === undefined ? undefined : Math.max(0, Math.ceil((next - time) / 1000));
    },
    reload: sharedReload(maintain, now),
    maintain,
    start() {
      stopSchedule = startSchedule({
        turn: maintain,
        untilNext: () => nextChange(ring.record, now()) - now(),
        calls: (signal) => epochs.follow(() => ring.record.epoch, signal),
        problem: (error) => report({ type: "problem", keyset, error }),
      });
    },
    async stop() {
      await stopSchedule();
      await lastTurn.catch(() => {});
    },
  };
}

/** The ring when nothing is due, else the one of the next epoch, whoever made it. */
async function advance(
  found: LoadedRing | undefined,
  epochs: Epochs<EpochRecord>,
  options: KeyringOptions,
  shown: boolean,
): Promise<LoadedRing> {
  let ring = found;
  for (;;) {
    const plan = planEpoch(ring?.record, options.now(), options.policy, shown);
    if (plan === undefined) {
      if (ring !== undefined) return ring;
      throw new KeyringError("UNREADABLE", `keyset ${options.keyset} has no epoch and no plan for one`);
    }
    const record = await makeEpoch(plan, options.keyset, options.alg, options.maker);
    // Loaded before it is claimed: keys that can't prove themselves must not become an epoch.
    const made = await loadRing(record, options);
    if (await epochs.claim(record)) {
      options.report(epochCreated(record, ring?.record));
      ring = made;
    } else {
      ring = await loadRing(await winner(epochs, ring), options);
    }
  }
}

/** A key that is distrusted signs nothing any more; what it signed before still verifies. */
function outOfUse(key: KeyInfo): KeyInfo {
  return key.state === "removed" ? key : { ...key, state: "retired" };
}

async function winner(epochs: Epochs<EpochRecord>, ring: LoadedRing | undefined): Promise<EpochRecord> {
  const record = await epochs.latest(ring?.record.epoch);
  if (record !== undefined) return record;
  throw new KeyringError(
    "UNREADABLE",
    "the store refuses an epoch that it does not hold: it may have been rolled back",
  );
}

function refuseBrokenPolicy({ keyset, policy }: KeyringOptions): void {
  const messages = brokenBounds(policy).map(({ path, message }) => `${path} ${message}`);
  if (messages.length > 0) throw new KeyringError("BAD_POLICY", `keyset ${keyset}: ${messages.join("; ")}`);
}
