import { randomUUID } from "node:crypto";
import { join } from "node:path";
import packageJson from "#package.json" with { type: "json" };
import { endsWithin, within } from "../../async/timeout.ts";
import { holdsAuditKeys } from "../../audit-thread/writer-keys.ts";
import type { Config } from "../../config/config.ts";
import { holdsSecrets } from "../../keys/imported/secrets.ts";
import { createLiveStore } from "../../live/live-store.ts";
import { ALWAYS_FIT } from "../../replica/fitness.ts";
import { NO_PEERS } from "../../replica/presence.ts";
import { openSnapshotFiles } from "../../replica/snapshot-files.ts";
import type { KeyValue } from "../../state/keyvalue.ts";
import type { Log } from "../log.ts";
import type { Sweeping } from "./nats-live.ts";
import { bucketLost, holdsCopies, isShared, type OwnState, type OwnStore, snapshotsOf } from "./own-state.ts";
import { NO_SNAPSHOTS, type SharedState } from "./shared-state.ts";

/**
 * Opens the state that the configuration names. `own` is what this data folder holds; `openLive` opens its live store.
 * `writer` is that of the audit log. The one of the start names the replica. Rejects with a StateError, and with the StartError
 * NATS_FILES.
 */
export async function openState(
  config: Config,
  own: Pick<OwnState, "store" | "spoolInstallation">,
  openLive: () => Promise<OwnStore>,
  writer: () => string,
  now: () => number,
  log: Log,
  sweeping: Sweeping,
): Promise<SharedState> {
  const { nats, state, data } = config;
  if (!isShared(config) || nats === undefined) return createFileState(own.store, await openLive(), config, now, log);
  const hasOwnKeys = (await own.store.list("keys/")).length > 0;
  if (state.firstStart && hasOwnKeys) log("error", { type: "store.own_keys", folder: join(data, "state") });
  const noFirstKeys = whyNoFirstKeys(config, hasOwnKeys, own.spoolInstallation);
  const files = await openSnapshotFiles(snapshotsOf(data), (file) => log("error", { type: "snapshot.damaged", file }));
  const { access, replicas } = nats;
  const { version } = packageJson;
  const { openNatsState } = await import("./nats-state.ts");
  return openNatsState({ config, noFirstKeys, access, replicas, writer, version, files, now, log, ...sweeping });
}

/** Whether keys were sealed before, as far as is known without NATS: a new KEK would then hide their loss. */
export async function sealedBefore(
  config: Config,
  own: Pick<OwnState, "store" | "spoolInstallation" | "acceptedLoss">,
): Promise<boolean> {
  const { data } = config;
  if (own.acceptedLoss === undefined && (await holdsAuditKeys(join(data, "spool")))) return true;
  // Epochs are never deleted, and a keyset may have left the configuration.
  const hasOwnKeys = (await own.store.list("keys/")).length > 0;
  if (!isShared(config)) return hasOwnKeys || (await holdsSecrets(own.store));
  return whyNoFirstKeys(config, hasOwnKeys, own.spoolInstallation) !== undefined || holdsCopies(snapshotsOf(data));
}

/** As {@link StateStore.noFirstKeys}, for a bucket. `installation` is the one that the data folder belongs to. */
function whyNoFirstKeys(
  { state, data }: Config,
  hasOwnKeys: boolean,
  installation: string | undefined,
): string | undefined {
  if (!state.firstStart)
    return "they come from another replica or a restored backup, or a replica with state.first_start makes them";
  if (hasOwnKeys)
    return `restore those that ${join(data, "state")} still holds (signet keys export, signet keys restore)`;
  return installation && bucketLost(data, installation);
}

/** The state of a single process: always reachable, and by definition on the same clock. */
function createFileState(
  store: KeyValue,
  liveFile: OwnStore,
  { clockSkewMs: skewMs }: Config,
  now: () => number,
  log: Log,
): SharedState {
  const live = createLiveStore({
    ...{ store: liveFile, state: store, newId: randomUUID, now, skewMs },
    monotonic: () => performance.now(),
    look: async () => {},
    outages: () => 0,
    remembered: undefined,
    remember: async () => {},
    storeTime: async () => now(),
    onBegun: (lost) => log(lost ? "error" : "info", { type: "live.begun", lost }),
    onError: (error) => log("error", { type: "live.failed", error }),
  });
  return {
    store: {
      rings: store,
      secrets: () => store,
      noFirstKeys: undefined,
      isRetryable: () => false,
      reached: (signal) => within({ signal }, live.opened, () => undefined),
      opened: () => {},
    },
    peers: NO_PEERS,
    fitness: ALWAYS_FIT,
    snapshots: NO_SNAPSHOTS,
    live,
    settings: () => ({}),
    start: live.start,
    async stop(leftMs) {
      const until = performance.now() + leftMs;
      await endsWithin(leftMs, live.stop());
      await liveFile.close(until - performance.now());
    },
  };
}
