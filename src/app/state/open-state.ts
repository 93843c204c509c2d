import { join } from "node:path";
import packageJson from "../../../package.json" with { type: "json" };
import { readIdentity } from "../../audit/spool/identity.ts";
import type { Config } from "../../config/config.ts";
import { holdsSecrets } from "../../keys/imported/secrets.ts";
import { ALWAYS_FIT } from "../../replica/fitness.ts";
import { NO_PEERS } from "../../replica/presence.ts";
import { openSnapshotFiles } from "../../replica/snapshot-files.ts";
import type { KeyValue } from "../../state/keyvalue.ts";
import type { Log } from "../log.ts";
import { openNatsState, type Sweeping } from "./nats-state.ts";
import { isShared } from "./own-state.ts";
import { NO_SNAPSHOTS, type SharedState } from "./shared-state.ts";

/** Opens the state that the configuration names. `own` is the store of this data folder. Rejects with a StateError. */
export async function openState(
  config: Config,
  own: KeyValue,
  now: () => number,
  log: Log,
  sweeping: Sweeping,
): Promise<SharedState> {
  const { nats, state, data } = config;
  const snapshots = join(data, "snapshots");
  if (!isShared(config) || nats === undefined) return createFileState(own);
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

/** The state of a single process: always reachable, and by definition on the same clock. */
function createFileState(store: KeyValue): SharedState {
  return {
    store: {
      rings: store,
      secrets: () => store,
      firstStart: true,
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
