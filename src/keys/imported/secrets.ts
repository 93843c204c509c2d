import { follow } from "../../async/follow.ts";
import { createWakeup } from "../../async/wakeup.ts";
import { type Change, type KeyValue, pauseAfterWatch } from "../../state/keyvalue.ts";
import { KeyringError } from "../error.ts";
import { createSharedReload } from "../shared-reload.ts";
import type { RecordKeys } from "../store/authenticated-record.ts";
import { openEpochs } from "../store/epochs.ts";
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
   * the keys do, the Problem KEYS_UNAVAILABLE while the newest epoch can't be read: it may revoke a secret of an older
   * one.
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
  /** Follows the store, and keeps the rings tidy as {@link tidySecrets} describes, until `stop`. */
  start(): void;
  /** Resolves when nothing is running. */
  stop(): Promise<void>;
}

/**
 * Reads all rings. Throws UNREADABLE when the store fails. A ring that can't be read is reported, and affects no other.
 */
export async function openSecrets({ store, recordKeys, vault, now, report }: SecretsOptions): Promise<Secrets> {
  const rings = createSecretRings(recordKeys, vault, report);
  const distrusted = new Set<string>();
  const controller = new AbortController();
  const changed = createWakeup();
  let running: Promise<unknown> = Promise.resolve();
  // Only at the start are records under an earlier KEK stale: replicas with different KEKs would otherwise keep
  // resealing what the other one has sealed.
  await readAll(true);
  const reload = createSharedReload(() => reportingErrors(readAll(false)), now);

  async function readAll(atStart: boolean): Promise<void> {
    const entries = await store.list(SECRETS_PREFIX).catch((cause) => {
      throw new KeyringError("UNREADABLE", "the imported secrets can't be read from the store", { cause });
    });
    rings.addEntries(entries, atStart);
  }

  /** An emptied epoch was superseded: the later one is known already, or comes next. */
  function onChange(change: Change): void {
    if (change.type === "put" && change.entry.value.byteLength > 0) rings.addEntry(change.entry);
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
      if (await epochs.create(epochs.wrap(record), false)) {
        rings.use(record);
        changed.wake();
        await epochs.emptyBelow(record.epoch).catch(reportFailure);
        return;
      }
      const { highest: winner } = await epochs.survey(record.epoch - 1);
      if (winner === undefined || winner.epoch < record.epoch)
        throw new KeyringError(
          "UNREADABLE",
          "the store refuses to create an epoch that it does not hold: it may have been rolled back",
        );
      rings.use(epochs.read(winner));
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
    advance: (owner, next) => reportingErrors(advance(owner, next)),
    start() {
      const source = (signal: AbortSignal) => store.watch(SECRETS_PREFIX, signal);
      const watch = { source, onItem: onChange, onError: reportFailure, pauseAfter: pauseAfterWatch };
      const { signal } = controller;
      const tidying = tidySecrets({ rings, advance, now, changed, onError: reportFailure }, signal);
      running = Promise.all([follow(watch, signal), tidying]);
    },
    async stop() {
      controller.abort();
      await running;
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
