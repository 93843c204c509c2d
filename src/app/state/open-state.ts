import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import packageJson from "../../../package.json" with { type: "json" };
import { readIdentity } from "../../audit/spool/identity.ts";
import type { Config } from "../../config/config.ts";
import { holdsSecrets } from "../../keys/imported/secrets.ts";
import { openSnapshotFiles } from "../../replica/snapshot-files.ts";
import { StartError } from "../../start-error.ts";
import type { KeyValue } from "../../state/keyvalue.ts";
import type { Log } from "../log.ts";
import { openNatsState } from "./nats-state.ts";
import type { SharedState } from "./shared-state.ts";

/**
 * The state that the configuration names. `own` is the store of this data folder. Rejects with a StateError, or with the
 * StartError OTHER_STORE.
 */
export async function openState(config: Config, own: KeyValue, now: () => number, log: Log): Promise<SharedState> {
  const { nats, state, data, keysets } = config;
  const snapshots = join(data, "snapshots");
  if (state.store === "file" || nats === undefined) {
    refuseOlderKeys(snapshots);
    return fileState(
      own,
      keysets.map(({ name }) => name),
    );
  }
  const mayBegin = state.firstStart && (await own.list("keys/")).length === 0;
  if (state.firstStart && !mayBegin) log("error", { type: "store.own_keys", folder: join(data, "state") });
  const damaged = (file: string) => log("error", { type: "snapshot.damaged", file });
  // Who writes the audit log is who takes part: one name for one replica, as long as its data folder lives.
  const identity = await readIdentity(join(data, "spool"));
  if (identity === undefined) throw new Error("the audit log has no writer");
  const files = await openSnapshotFiles(snapshots, damaged);
  const { url, replicas } = nats;
  const id = identity.writer;
  return openNatsState({ config, mayBegin, url, replicas, id, version: packageJson.version, files, now, log });
}

/** What was revoked or rotated in the shared state is not in this folder's own: an old key would sign again. */
function refuseOlderKeys(snapshots: string): void {
  // The folder alone is made by every start, also by one that never reached NATS.
  if (!existsSync(snapshots) || !readdirSync(snapshots).some((file) => file.startsWith("keyset."))) return;
  const message = `state.store is "file", but this data folder took part in the shared state of NATS, whose keys are newer than its own: export that (signet keys export), and restore it into a new data folder; or move ${snapshots} away`;
  throw new StartError("OTHER_STORE", message);
}

/** A replica alone: its state is its own, always in reach, and in agreement with its clock. */
function fileState(store: KeyValue, keysets: readonly string[]): SharedState {
  return {
    store,
    secrets: store,
    async sealedBefore() {
      // Epochs are never deleted: where there was a first one, keys are sealed.
      const firsts = await Promise.all(keysets.map((name) => store.get(`keys/${name}/epoch/1`)));
      return firsts.some((entry) => entry !== undefined) || (await holdsSecrets(store));
    },
    firstStart: true,
    ringSnapshot: () => undefined,
    revocations: undefined,
    mayRetry: () => false,
    reached: async () => {},
    opened: () => {},
    announce: () => {},
    late: () => [],
    replicas: { live: () => [], silent: () => [], seek: async () => {} },
    lastHeard: undefined,
    ageMs: () => 0,
    clockOffsetMs: () => undefined,
    waitsFor: () => [],
    requireRightClock: () => {},
    requireFit: () => {},
    start: () => {},
    stop: async () => {},
  };
}
