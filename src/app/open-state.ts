import { join } from "node:path";
import packageJson from "../../package.json" with { type: "json" };
import { readIdentity } from "../audit/identity.ts";
import type { Config } from "../config/config.ts";
import type { Log } from "../log.ts";
import { openSnapshotFiles } from "../replica/snapshot-files.ts";
import type { KeyValue } from "../state/keyvalue.ts";
import { fileState } from "./file-state.ts";
import { natsState } from "./nats-state.ts";
import type { SharedState } from "./shared-state.ts";

/** The state that the configuration names. `own` is the store of this data folder. Rejects with a StateError. */
export async function openState(config: Config, own: KeyValue, now: () => number, log: Log): Promise<SharedState> {
  const { nats, state, data, keysets } = config;
  if (state.store === "file" || nats === undefined)
    return fileState(
      own,
      keysets.map(({ name }) => name),
    );
  const damaged = (file: string) => log("error", { event: "snapshot.damaged", file });
  // Who writes the audit log is who takes part: one name for one replica, as long as its data folder lives.
  const identity = await readIdentity(join(data, "spool"));
  if (identity === undefined) throw new Error("the audit log has no writer");
  const files = await openSnapshotFiles(join(data, "snapshots"), damaged);
  const { url, replicas } = nats;
  return natsState({ config, url, replicas, id: identity.writer, version: packageJson.version, files, now, log });
}
