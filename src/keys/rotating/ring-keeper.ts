import { createQueue } from "../../async/queue.ts";
import { StateError } from "../../state/keyvalue.ts";
import { KeyringError } from "../error.ts";
import { openEpochs, type StoredEpoch, sameBytes } from "../store/epochs.ts";
import { type CurrentRing, type LoadedRing, loadRing, recallRing } from "./loaded-ring.ts";
import { createEpochCreator } from "./new-epoch.ts";
import type { KeyringOptions } from "./options.ts";
import { keysetRecords } from "./parse-record.ts";
import { type EpochPlan, planEmergency, planEpoch } from "./plan.ts";
import { droppedKeys, lostRevocation, type TakenBack } from "./reconcile.ts";
import type { EpochRecord } from "./record.ts";
import type { Postponed } from "./ring.ts";

/** The ring in use, kept at the newest epoch. Of its works one runs at a time: two at once would make two rings out of one. */
export interface KeptRing {
  readonly ring: LoadedRing;
  /** Whether the store holds an epoch above the one in use that can't be used: a key of this one may have been revoked in it. */
  readonly outdated: boolean;
  /** Brings the ring up to date once. Rejects, and leaves it as it was, when the store or a key fails. */
  maintain(): Promise<void>;
  /**
   * Makes the epoch that `plan` asks for, on whatever epoch is the newest then; when it throws, or asks for nothing, none is
   * made. `caller` asked for it. Resolves to the ring in use then.
   */
  change(plan: (ring: EpochRecord, now: number) => EpochPlan | undefined, caller?: string): Promise<EpochRecord>;
  /** Each epoch above the one in use, until the signal aborts. */
  follow(signal: AbortSignal): AsyncIterable<number>;
  /** Resolves when nothing is under way any more. */
  idle(): Promise<void>;
}

/**
 * Loads the newest epoch, and makes what is due; a keyset without one gets its first. Throws {@link KeyringError}, and never
 * makes new keys over an epoch that it can't read.
 */
export async function keepRing(options: KeyringOptions, postponed: Postponed): Promise<KeptRing> {
  const { keyset, policy, now, shown, snapshot, report } = options;
  const { firstStart = true, mayPlan = () => true } = options;
  const epochs = openEpochs(keysetRecords(keyset), options.store, options.recordKeys);
  let held: CurrentRing | undefined;
  let unusable: unknown;
  let outdated = false;
  let tidied = 0;

  const load = (record: EpochRecord) => loadRing(record, options, postponed);
  const claims = createEpochCreator(options, epochs, load);
  const queue = createQueue();

  async function hold(stored: StoredEpoch, ring: LoadedRing): Promise<void> {
    held = { stored, ring };
    await snapshot?.save(stored.bytes);
  }

  function tellMade(stored: StoredEpoch): void {
    const event = claims.madeHere(stored);
    if (event !== undefined) report(event);
  }

  /** The store's word counts, also where it has another record of the epoch in use: all other replicas have that one. */
  async function catchUp(): Promise<void> {
    const highest = await epochs.highest();
    const known = held?.stored;
    if (highest !== undefined && highest.epoch >= (known?.epoch ?? 0)) {
      if (known === undefined || !sameBytes(highest, known)) await takeOver(highest);
    } else if (known !== undefined) {
      // Lost or rolled back. Byte for byte at its own epoch: whoever else remembers it may do the same at once.
      const found = highest?.epoch ?? 0;
      if (await epochs.create(known)) report({ type: "restored", keyset, epoch: known.epoch, found });
    }
    outdated = false;
  }

  async function takeOver(stored: StoredEpoch): Promise<void> {
    try {
      const record = epochs.read(stored);
      // Before it is held: it may never be, since another key is to be revoked again.
      tellMade(stored);
      const before = held?.ring.record;
      const lost = lostRevocation(before, record, now());
      if (lost !== undefined) return await revokeAgain(lost, record);
      await hold(stored, await load(record));
      const kids = droppedKeys(before, record, now());
      if (kids.length > 0) report({ type: "dropped", keyset, epoch: record.epoch, kids });
    } catch (error) {
      outdated = true;
      throw error;
    }
  }

  /** In an epoch above the one that forgot it, and before that one is held: here the key shall not sign for a moment. */
  async function revokeAgain({ kid, reason }: TakenBack, record: EpochRecord): Promise<void> {
    if (!mayPlan()) throw new KeyringError("WAITING", `keyset ${keyset}: key ${kid} is still to be revoked again`);
    report({ type: "unrevoked", keyset, epoch: record.epoch, kid });
    const plan = planEmergency(record, now(), policy, kid, reason);
    const made = plan && (await claims.create(plan, record));
    const next = made?.stored ?? (await epochs.highest());
    if (next === undefined || next.epoch <= record.epoch) throw refused();
    await takeOver(next);
  }

  /** Resolves to false when another replica was faster: the ring in use is then that one's. */
  async function carryOut(plan: EpochPlan, caller?: string): Promise<boolean> {
    const made = await claims.create(plan, held?.ring.record, caller);
    if (made === undefined) {
      await catchUp();
    } else {
      tellMade(made.stored);
      await hold(made.stored, made.ring);
    }
    if ((held?.stored.epoch ?? 0) < plan.epoch) throw refused();
    return made !== undefined;
  }

  async function advance(): Promise<CurrentRing> {
    for (;;) {
      if (held === undefined) refuseFirst();
      const plan = mayPlan() ? planEpoch(held?.ring.record, now(), policy, shown) : undefined;
      if (plan !== undefined) await carryOut(plan);
      else if (held !== undefined) return held;
    }
  }

  function refuseFirst(): void {
    // What it held must not be replaced by new keys.
    if (unusable !== undefined) throw unusable;
    if (firstStart && mayPlan()) return;
    const how = "they come with another replica or a restored backup, or are made where state.first_start allows it";
    throw new KeyringError("WAITING", `keyset ${keyset} has no keys yet: ${how}`);
  }

  async function tidy({ stored: { epoch } }: CurrentRing): Promise<void> {
    if (tidied === epoch) return;
    await epochs.emptyBelow(epoch);
    tidied = epoch;
  }

  async function upToDate(): Promise<CurrentRing> {
    await catchUp();
    return advance();
  }

  async function change(plan: Parameters<KeptRing["change"]>[0], caller?: string): Promise<EpochRecord> {
    for (let made = false; !made; ) {
      const next = plan((await upToDate()).ring.record, now());
      made = next === undefined || (await carryOut(next, caller));
    }
    const current = await advance();
    // The change is made: halves that are left in earlier epochs go with the next turn if not now.
    await tidy(current).catch((error) => report({ type: "problem", keyset, error }));
    return current.ring.record;
  }

  async function recall(): Promise<void> {
    const bytes = await snapshot?.load();
    try {
      held = bytes && (await recallRing(bytes, options, postponed));
    } catch (error) {
      unusable = error;
      report({ type: "problem", keyset, error });
    }
  }

  await recall();
  const opened = await upToDate().catch((error) => {
    if (held === undefined || !isOutage(error)) throw error;
    report({ type: "problem", keyset, error });
    return held;
  });

  return {
    get ring() {
      return (held ?? opened).ring;
    },
    get outdated() {
      return outdated;
    },
    maintain: () => queue.run(async () => tidy(await upToDate())),
    change: (plan, caller) => queue.run(() => change(plan, caller)),
    follow: (signal) => epochs.follow(() => (held ?? opened).stored.epoch, signal),
    idle: queue.idle,
  };
}

function refused(): KeyringError {
  const message = "the store refuses an epoch that it does not hold: it may have been rolled back";
  return new KeyringError("UNREADABLE", message);
}

function isOutage(error: unknown): boolean {
  return error instanceof KeyringError && error.code === "UNREADABLE" && error.cause instanceof StateError;
}
