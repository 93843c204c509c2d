import { follow, RETRY_MS } from "../../async/follow.ts";
import { pause } from "../../async/timeout.ts";
import { createWakeup } from "../../async/wakeup.ts";
import { type Change, type Entry, type KeyValue, pauseAfterWatch } from "../../state/keyvalue.ts";
import { KeyringError } from "../error.ts";
import { createStoreReload } from "../shared-reload.ts";
import type { RecordKeys } from "../store/authenticated-record.ts";
import { openEpochs } from "../store/epochs.ts";
import { refusedEpoch } from "../store/obstacle.ts";
import { Watchfulness } from "../store/vigil.ts";
import type { TokenKeys } from "../token-keys.ts";
import type { SecretVault } from "../vault.ts";
import { SECRETS_PREFIX, secretRecords } from "./parse-secret.ts";
import type { SecretOwner } from "./secret.ts";
import { createSecretRings, type NextEpoch } from "./secret-rings.ts";
import { reseal, tidySecrets } from "./upkeep.ts";
import { type SecretInfo, type SecretsEvent, secretInfos } from "./views.ts";

export interface SecretsOptions {
  readonly store: KeyValue;
  readonly recordKeys: RecordKeys;
  readonly vault: SecretVault;
  /** Unix milliseconds. */
  readonly now: () => number;
  readonly report: (event: SecretsEvent) => void;
}

/** The imported secrets of every profile and tenant. */
export interface Secrets {
  /**
   * The keys of a profile and tenant, kept current; without an import every kid is unknown. Throws, as all functions of
   * the keys do, the Problem KEYS_UNAVAILABLE while there are secrets and none can be read. `signer` also throws it
   * while there may be a newer epoch that can't be read: it may revoke a secret of the one in use.
   */
  keysOf(owner: SecretOwner): TokenKeys;
  /** All secrets that can be read, by profile and tenant, the newest first. */
  list(now: number): readonly SecretInfo[];
  /**
   * Creates the next epoch of a ring. `next` is called again when another replica was faster, and returns undefined
   * when nothing is left to do. The epoch is in use when this resolves. Rejects as `next` does, and with a {@link
   * KeyringError} when the ring can't be read or written.
   */
  advance(owner: SecretOwner, next: NextEpoch): Promise<void>;
  /** Reads all rings again, in the background: a store with a snapshot gets back what it has lost. */
  readAgain(): void;
  /** Follows the store, and keeps the rings tidy as {@link tidySecrets} describes, until `stop`. */
  start(): void;
  /** Resolves when nothing is running. */
  stop(): Promise<void>;
}

/** Above this many rings to read, all are read at once. */
const MOST_SINGLE_READS = 16;

/**
 * Reads all rings. Throws UNREADABLE when the store fails. A ring that can't be read is reported, and affects no other.
 */
export async function openSecrets({ store, recordKeys, vault, now, report }: SecretsOptions): Promise<Secrets> {
  const watching = new Watchfulness();
  const rings = createSecretRings({ recordKeys, vault, watch: watching, now }, report);
  const distrusted = new Set<string>();
  const controller = new AbortController();
  const changed = createWakeup();
  const unread = new Map<string, SecretOwner>();
  const unreadArrived = createWakeup();
  let allUnread = false;
  let running: Promise<unknown> = Promise.resolve();
  // Only at the start are records under an earlier KEK stale: replicas with different KEKs would otherwise keep
  // resealing what the other one has sealed.
  await readAll(true);
  const reload = createStoreReload(() => reportingErrors(readAll(false)), now);

  async function read(prefix: string): Promise<readonly Entry[]> {
    return store.list(prefix).catch((cause) => {
      throw new KeyringError("UNREADABLE", "the imported secrets can't be read from the store", { cause });
    });
  }

  async function readAll(atStart: boolean): Promise<void> {
    const { stretch } = watching;
    rings.takeAll(await read(SECRETS_PREFIX), stretch, atStart);
    changed.wake();
  }

  async function readRing(owner: SecretOwner): Promise<void> {
    const { stretch } = watching;
    rings.takeRing(owner, await read(secretRecords(owner).prefix), stretch);
    changed.wake();
  }

  function onChange(change: Change): void {
    if (change.type === "current" || change.type === "gap") allUnread = true;
    const owner = rings.takeChange(change);
    if (owner !== undefined) unread.set(nameOf(owner, ""), owner);
    if (allUnread || unread.size > 0) unreadArrived.wake();
  }

  /** Reads the rings that a change may have obstructed, until the signal aborts. */
  async function readUnread(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const owners = [...unread.values()];
      const all = allUnread || owners.length > MOST_SINGLE_READS;
      allUnread = false;
      unread.clear();
      try {
        if (all) await readAll(false);
        else for (const owner of owners) await readRing(owner);
        if (!allUnread && unread.size === 0) await unreadArrived.wait(signal);
      } catch (error) {
        if (error instanceof KeyringError) reportFailure(error);
        else throw error;
        allUnread = true;
        await pause(RETRY_MS, signal);
      }
    }
  }

  function reportFailure(error: unknown): void {
    report({ type: "secrets.failed", error });
  }

  /** The answer to a caller has no cause: it is reported here. */
  function reportingErrors(work: Promise<void>): Promise<void> {
    return work.catch((error) => {
      if (error instanceof KeyringError) reportFailure(error);
      throw error;
    });
  }

  function isDistrusted(owner: SecretOwner, kid: string): boolean {
    return distrusted.size > 0 && distrusted.has(nameOf(owner, kid));
  }

  async function advance(owner: SecretOwner, next: NextEpoch): Promise<void> {
    const epochs = openEpochs(secretRecords(owner), store, recordKeys);
    for (;;) {
      const before = rings.recordOf(owner);
      const record = await next(before && (await reseal(before, vault)));
      if (record === undefined) return;
      if (await epochs.create(epochs.wrap(record), rings.mayReplaceGarbage(owner))) {
        rings.useOwn(record);
        changed.wake();
        await epochs.emptyBelow(record.epoch).catch(reportFailure);
        return;
      }
      await readRing(owner);
      if (rings.epochOf(owner) >= record.epoch) continue;
      // Throws when there is something that can't be read.
      rings.recordOf(owner);
      throw refusedEpoch();
    }
  }

  return {
    keysOf(owner) {
      rings.keysOf(owner);
      return {
        get epoch() {
          return rings.epochOf(owner);
        },
        signer() {
          const key = rings.signingKeysOf(owner)?.signer;
          return key === undefined || isDistrusted(owner, key.kid) ? undefined : key;
        },
        verifier: (kid, time) => rings.keysOf(owner)?.verifier(kid, time) ?? { state: "unknown" },
        verifiers: (time) => rings.keysOf(owner)?.verifiers(time) ?? [],
        otherReading: (data, signature, time) => rings.keysOf(owner)?.otherReading(data, signature, time),
        reload,
        distrust(kid) {
          distrusted.add(nameOf(owner, kid));
          report({ type: "secrets.distrusted", ...owner, kid });
        },
      };
    },
    list: (time) =>
      rings
        .all()
        .flatMap(({ record }) => secretInfos(record, time))
        .map((info) => (isDistrusted(info, info.kid) ? outOfUse(info) : info)),
    advance: (owner, next) => reportingErrors(advance(owner, next)),
    readAgain() {
      allUnread = true;
      unreadArrived.wake();
    },
    start() {
      const source = (signal: AbortSignal) => watching.follow(store.watch(SECRETS_PREFIX, signal));
      const watch = { source, onItem: onChange, onError: reportFailure, pauseAfter: pauseAfterWatch };
      const { signal } = controller;
      const tidying = tidySecrets({ rings, advance, now, changed, onError: reportFailure }, signal);
      running = Promise.all([follow(watch, signal), readUnread(signal), tidying]);
    },
    async stop() {
      controller.abort();
      await running;
      rings.close();
    },
  };
}

/** Whether a secret was ever imported: epochs are emptied, never deleted. */
export async function holdsSecrets(store: KeyValue): Promise<boolean> {
  return (await store.list(SECRETS_PREFIX)).length > 0;
}

function outOfUse(info: SecretInfo): SecretInfo {
  return info.state === "active" ? { ...info, state: "retired" } : info;
}

function nameOf({ profile, tenant }: SecretOwner, kid: string): string {
  return JSON.stringify([profile, tenant, kid]);
}
