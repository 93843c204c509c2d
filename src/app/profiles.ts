import type { AuditLog } from "../audit/event.ts";
import type { Config } from "../config/config.ts";
import { loadProfileSet } from "../config/load.ts";
import { sharedKeysets } from "../profile/keysets.ts";
import { createLiveProfiles, type LiveProfiles } from "../profile/live-profiles.ts";
import { configHash } from "./digests.ts";
import type { Log } from "./log.ts";

/** A log line must stay short; `signet profile check` lists all faults. */
const LOGGED_FAULTS = 20;

/** The profiles of the configuration, until they are reloaded. */
export function openProfiles(config: Config, audit: AuditLog, log: Log, now: () => number): LiveProfiles {
  const warnOfShared = (): void => {
    for (const shared of sharedKeysets(live.current().values())) log("warn", { type: "profiles.shared", ...shared });
  };
  const live = createLiveProfiles({
    initial: config,
    load: (known) => loadProfileSet(config.effective, known),
    choice: config.effective.profiles,
    hashOf: (profiles) => configHash(config, profiles),
    audit,
    now,
    observer: {
      // Calls that name a profile that is gone are refused from now on.
      onReloaded(changed, gone) {
        log(gone.length > 0 ? "warn" : "info", { type: "profiles.reloaded", changed, gone });
        if (changed.length > 0) warnOfShared();
      },
      onRefused: (faults) =>
        log("error", { type: "profiles.refused", faults: faults.slice(0, LOGGED_FAULTS), count: faults.length }),
      onError: (error) => log("error", { type: "profiles.failed", error }),
    },
  });
  warnOfShared();
  return live;
}
