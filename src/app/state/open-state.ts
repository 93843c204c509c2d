import { join } from "node:path";
import packageJson from "../../../package.json" with { type: "json" };
import type { Config } from "../../config/config.ts";
import { holdsSecrets } from "../../keys/imported/secrets.ts";
import { ALWAYS_FIT } from "../../replica/fitness.ts";
import { NO_PEERS } from "../../replica/presence.ts";
import { openSnapshotFiles } from "../../replica/snapshot-files.ts";
import type { KeyValue } from "../../state/keyvalue.ts";
import type { Log } from "../log.ts";
import { openNatsState, type Sweeping } from "./nats-state.ts";
import { bucketLost, isShared, type OwnState, snapshotsOf } from "./own-state.ts";
import { NO_SNAPSHOTS, type SharedState } from "./shared-state.ts";

/**
 * Opens the state that the configuration names. `own` is what this data folder holds. `id` names the replica: the
 * writer of the audit log, which lasts as long as the data folder. Rejects with a StateError.
 */
export async function openState(
  config: Config,
  own: Pick<OwnState, "store" | "spoolInstallation">,
  id: string,
  now: () => number,
  log: Log,
  sweeping: Sweeping,
): Promise<SharedState> {
  const { nats, state, data } = config;
  if (!isShared(config) || nats === undefined) return createFileState(own.store);
  const hasOwnKeys = (await own.store.list("keys/")).length > 0;
  if (state.firstStart && hasOwnKeys) log("error", { type: "store.own_keys", folder: join(data, "state") });
  const noFirstKeys = whyNoFirstKeys(config, hasOwnKeys, own.spoolInstallation);
  const files = await openSnapshotFiles(snapshotsOf(data), (file) => log("error", { type: "snapshot.damaged", file }));
  const { url, replicas } = nats;
  const { version } = packageJson;
  return openNatsState({ config, noFirstKeys, url, replicas, id, version, files, now, log, ...sweeping });
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
function createFileState(store: KeyValue): SharedState {
  return {
    store: {
      rings: store,
      secrets: () => store,
      noFirstKeys: undefined,
      async sealedBefore() {
        // Epochs are never deleted, and a keyset may have left the configuration.
        return (await store.list("keys/")).length > 0 || (await holdsSecrets(store));
      },
      isRetryable: () => false,
      reached: async () => {},
      opened: () => {},
    },
    peers: NO_PEERS,
    fitness: ALWAYS_FIT,
    snapshots: NO_SNAPSHOTS,
    settings: () => undefined,
    start: () => {},
    stop: async () => {},
  };
}
