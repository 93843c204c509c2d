import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import packageJson from "../../../package.json" with { type: "json" };
import { readIdentity } from "../../audit/spool/identity.ts";
import type { Config } from "../../config/config.ts";
import { holdsSecrets } from "../../keys/imported/secrets.ts";
import { ALWAYS_FIT } from "../../replica/fitness.ts";
import { NO_PEERS } from "../../replica/presence.ts";
import { openSnapshotFiles } from "../../replica/snapshot-files.ts";
import { StartError } from "../../start-error.ts";
import type { KeyValue } from "../../state/keyvalue.ts";
import type { Log } from "../log.ts";
import { openNatsState, type Sweeping } from "./nats-state.ts";
import { NO_SNAPSHOTS, type SharedState } from "./shared-state.ts";

/**
 * Opens the state that the configuration names. `own` is the store of this data folder. Rejects with a StateError, or
 * with the StartError OTHER_STORE.
 */
export async function openState(
  config: Config,
  own: KeyValue,
  now: () => number,
  log: Log,
  sweeping: Sweeping,
): Promise<SharedState> {
  const { nats, state, data } = config;
  const snapshots = join(data, "snapshots");
  if (state.store === "file" || nats === undefined) {
    refuseOlderKeys(snapshots);
    return createFileState(own, config);
  }
  const firstStart = state.firstStart && (await own.list("keys/")).length === 0;
  if (state.firstStart && !firstStart) log("error", { type: "store.own_keys", folder: join(data, "state") });
  // The writer of the audit log names the replica: the name lasts as long as the data folder.
  const identity = await readIdentity(join(data, "spool"));
  if (identity === undefined) throw new Error("the audit log has no writer");
  const files = await openSnapshotFiles(snapshots, (file) => log("error", { type: "snapshot.damaged", file }));
  const { url, replicas } = nats;
  const id = identity.writer;
  const { version } = packageJson;
  return openNatsState({ config, firstStart, url, replicas, id, version, files, now, log, ...sweeping });
}

/** A revocation or a rotation in the shared state is not in this folder's own store: an old key would sign again. */
function refuseOlderKeys(snapshots: string): void {
  // An empty folder proves nothing: every start creates it, even one that never reached NATS.
  if (!existsSync(snapshots) || !readdirSync(snapshots).some((file) => file.startsWith("keyset."))) return;
  const message =
    'state.store is "file", but this data folder belongs to a replica whose keys in NATS are newer than its own: ' +
    `export those (signet keys export) and restore them into a new data folder, or move ${snapshots} away`;
  throw new StartError("OTHER_STORE", message);
}

/** The state of a single process: always reachable, and by definition on the same clock. */
function createFileState(store: KeyValue, { keysets }: Config): SharedState {
  return {
    store: {
      rings: store,
      secrets: () => store,
      firstStart: true,
      async sealedBefore() {
        // Epochs are never deleted: if a first epoch exists, keys were sealed.
        const firsts = await Promise.all(keysets.map(({ name }) => store.get(`keys/${name}/epoch/1`)));
        return firsts.some((entry) => entry !== undefined) || (await holdsSecrets(store));
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
