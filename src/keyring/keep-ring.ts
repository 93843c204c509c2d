import { StateError } from "../state/keyvalue.ts";
import { unwrapBody } from "./envelope.ts";
import type { StoredEpoch } from "./epochs.ts";
import { epochsOf } from "./epochs.ts";
import { KeyringError } from "./error.ts";
import type { KeyringEvent } from "./event.ts";
import { epochCreated } from "./event.ts";
import type { KeyringOptions } from "./keyring-options.ts";
import type { LoadedRing } from "./loaded-ring.ts";
import { loadRing } from "./loaded-ring.ts";
import { makeEpoch } from "./make-epoch.ts";
import { keysetRecords } from "./parse-record.ts";
import type { EpochPlan } from "./plan.ts";
import { planEpoch } from "./plan.ts";
import type { EpochRecord } from "./record.ts";
import type { Postponed } from "./state.ts";

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

interface Held {
  readonly stored: StoredEpoch;
  readonly ring: LoadedRing;
}

/**
 * Loads the newest epoch, and makes what is due; a keyset without one gets its first. Throws {@link KeyringError}, and never
 * makes new keys over an epoch that it can't read.
 */
export async function keepRing(options: KeyringOptions, postponed: Postponed): Promise<KeptRing> {
  const { keyset, alg, policy, maker, now, shown, snapshot, report } = options;
  const { firstStart = true, mayPlan = () => true } = options;
  const kind = keysetRecords(keyset);
  const epochs = epochsOf(kind, options.store, options.recordKeys);
  let held: Held | undefined;
  let claiming: { readonly stored: StoredEpoch; readonly event: KeyringEvent } | undefined;
  let unusable: unknown;
  let outdated = false;
  let tidied = 0;
  let last: Promise<unknown> = Promise.resolve();

  const load = (record: EpochRecord) => loadRing(record, options, postponed);

  async function hold(stored: StoredEpoch, ring: LoadedRing): Promise<void> {
    held = { stored, ring };
    // Here, not where it is claimed: of a claim that failed nobody knows at once whether it was heard.
    if (claiming !== undefined && sameBytes(claiming.stored, stored)) report(claiming.event);
    claiming = undefined;
    await snapshot?.save(stored.bytes);
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
      if (await epochs.claim(known)) report({ type: "restored", keyset, epoch: known.epoch, found });
    }
    outdated = false;
  }

  async function takeOver(stored: StoredEpoch): Promise<void> {
    try {
      await hold(stored, await load(epochs.read(stored)));
    } catch (error) {
      outdated = true;
      throw error;
    }
  }

  /** Resolves to false when another replica was faster: the ring in use is then that one's. */
  async function carryOut(plan: EpochPlan, caller?: string): Promise<boolean> {
    const record = await makeEpoch(plan, keyset, alg, maker);
    // Loaded before it is claimed: keys that can't prove themselves must not become an epoch.
    const ring = await load(record);
    const stored = epochs.wrap(record);
    claiming = { stored, event: epochCreated(record, held?.ring.record, caller) };
    if (await epochs.claim(stored)) {
      await hold(stored, ring);
      return true;
    }
    // Without a new key in it, the winner's record may be the same in every byte.
    claiming = undefined;
    await catchUp();
    if ((held?.stored.epoch ?? 0) >= record.epoch) return false;
    const message = "the store refuses an epoch that it does not hold: it may have been rolled back";
    throw new KeyringError("UNREADABLE", message);
  }

  async function advance(): Promise<Held> {
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

  async function tidy({ stored: { epoch } }: Held): Promise<void> {
    if (tidied === epoch) return;
    await epochs.emptyBelow(epoch);
    tidied = epoch;
  }

  async function upToDate(): Promise<Held> {
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

  function inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
    const result = last.then(work);
    last = result.catch(() => {});
    return result;
  }

  async function recall(): Promise<void> {
    const bytes = await snapshot?.load();
    if (bytes === undefined) return;
    try {
      const where = `the snapshot of ${kind.name}`;
      const record = kind.parse(unwrapBody(bytes, where, options.recordKeys));
      if (!kind.owns(record)) throw new KeyringError("BROKEN_RECORD", `${where} holds the record of another ring`);
      held = { stored: { epoch: record.epoch, bytes }, ring: await load(record) };
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
    maintain: () => inTurn(async () => tidy(await upToDate())),
    change: (plan, caller) => inTurn(() => change(plan, caller)),
    follow: (signal) => epochs.follow(() => (held ?? opened).stored.epoch, signal),
    async idle() {
      await last;
    },
  };
}

function sameBytes(left: StoredEpoch, right: StoredEpoch): boolean {
  return Buffer.compare(left.bytes, right.bytes) === 0;
}

function isOutage(error: unknown): boolean {
  return error instanceof KeyringError && error.code === "UNREADABLE" && error.cause instanceof StateError;
}
