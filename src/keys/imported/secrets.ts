import { follow } from "../../async/follow.ts";
import { createWakeup } from "../../async/wakeup.ts";
import { type Change, type KeyValue, pauseAfterWatch } from "../../state/keyvalue.ts";
import { KeyringError } from "../error.ts";
import { createSharedReload } from "../reload.ts";
import type { RecordKeys } from "../store/authenticated-record.ts";
import { openEpochs } from "../store/epochs.ts";
import type { TokenKeys } from "../token-keys.ts";
import type { SecretVault } from "../vault.ts";
import { SECRETS_PREFIX, secretRecords } from "./parse-secret.ts";
import type { SecretOwner } from "./secret.ts";
import { createSecretRings, type NextEpoch } from "./secret-rings.ts";
import { resealed, tidySecrets } from "./upkeep.ts";
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
   * The keys of a profile and tenant, as they change; where nothing was imported they know nothing. Throws, as all its
   * functions do, the Problem KEYS_UNAVAILABLE while the newest epoch can't be read: what an older one says may be over.
   */
  keysOf(owner: SecretOwner): TokenKeys;
  /** All that can be read, by profile and tenant, the newest first. */
  list(now: number): readonly SecretInfo[];
  /**
   * Makes the next epoch of a ring, whoever else does so at the same time: `next` is asked again when another one was
   * faster, and answers undefined when nothing is left to do. The epoch is in use when this resolves. Rejects with what
   * `next` rejects with, and with a {@link KeyringError} when the ring can't be read or written.
   */
  advance(owner: SecretOwner, next: NextEpoch): Promise<void>;
  /** Follows the store, and makes new epochs where one is under an earlier KEK or holds a text of no more use; see {@link tidySecrets}. */
  start(): void;
  /** Resolves when nothing is under way any more. */
  stop(): Promise<void>;
}

/** Reads all rings. Throws UNREADABLE when the store fails; a ring that can't be read is told and takes no other with it. */
export async function openSecrets({ store, recordKeys, vault, now, report }: SecretsOptions): Promise<Secrets> {
  const rings = createSecretRings(recordKeys, vault, report);
  const distrusted = new Set<string>();
  const controller = new AbortController();
  const changed = createWakeup();
  let running: Promise<unknown> = Promise.resolve();
  // Only then is an earlier KEK stale: a replica whose KEK is exchanged later must not seal again what this one has sealed.
  await readAll(true);
  const reload = createSharedReload(() => orTell(readAll(false)), now);

  async function readAll(atStart: boolean): Promise<void> {
    const entries = await store.list(SECRETS_PREFIX).catch((cause) => {
      throw new KeyringError("UNREADABLE", "the imported secrets can't be read from the store", { cause });
    });
    rings.takeAll(entries, atStart);
  }

  /** An epoch that is emptied was superseded: the one in its place is there already, or comes next. */
  function take(change: Change): void {
    if (change.type === "put" && change.entry.value.byteLength > 0) rings.take(change.entry);
  }

  function failed(error: unknown): void {
    report({ type: "secrets.failed", error });
  }

  /** Told here: what a caller is answered has no cause. */
  function orTell(work: Promise<void>): Promise<void> {
    return work.catch((error) => {
      if (error instanceof KeyringError) failed(error);
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
      const record = await next(before && (await resealed(before, vault)));
      if (record === undefined) return;
      if (await epochs.create(epochs.wrap(record))) {
        rings.hold(record);
        changed.wake();
        await epochs.emptyBelow(record.epoch).catch(failed);
        return;
      }
      const winner = await epochs.highest();
      if (winner === undefined || winner.epoch < record.epoch)
        throw new KeyringError("UNREADABLE", "the store refuses an epoch that it does not hold: was it rolled back?");
      rings.hold(epochs.read(winner));
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
          const key = rings.keysOf(owner)?.signer;
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
    advance: (owner, next) => orTell(advance(owner, next)),
    start() {
      const source = (signal: AbortSignal) => store.watch(SECRETS_PREFIX, signal);
      const watch = { source, onItem: take, onError: failed, pauseAfter: pauseAfterWatch };
      const { signal } = controller;
      const tidying = tidySecrets({ rings, advance, now, changed, failed }, signal);
      running = Promise.all([follow(watch, signal), tidying]);
    },
    async stop() {
      controller.abort();
      await running;
    },
  };
}

/** Whether anything was ever imported. */
export async function holdsSecrets(store: KeyValue): Promise<boolean> {
  return (await store.list(SECRETS_PREFIX)).length > 0;
}

function outOfUse(info: SecretInfo): SecretInfo {
  return info.state === "active" ? { ...info, state: "retired" } : info;
}

function nameOf({ profile, tenant }: SecretOwner, kid: string): string {
  return JSON.stringify([profile, tenant, kid]);
}
