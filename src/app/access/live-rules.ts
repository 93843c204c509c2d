import { createLiveRuleSet, type LiveRuleSet } from "../../access/live-rule-set.ts";
import { RETRY_MS } from "../../async/follow.ts";
import type { Shutdown } from "../../async/shutdown.ts";
import type { AuditLog } from "../../audit/event.ts";
import { type EventCounter, NOBODY } from "../../audit/event-counter.ts";
import type { Config } from "../../config/config.ts";
import { loadRuleSet } from "../../config/load-rules.ts";
import { startFileWatch } from "../../files/watched-files.ts";
import { sharedKeysets } from "../../profile/keysets.ts";
import type { Fault } from "../../schema/fault.ts";
import { configHash } from "../digests.ts";
import { createFailureFilter } from "../keys/keyring-events.ts";
import type { Log } from "../log.ts";

/** A log line must stay short; `signet profile check` and `signet access test` list all faults. */
const LOGGED_FAULTS = 20;

interface RulesParts {
  readonly config: Config;
  readonly audit: AuditLog;
  readonly counter: EventCounter;
  readonly log: Log;
  /** Unix milliseconds. */
  readonly now: () => number;
  readonly endings: Shutdown;
  /** Aborts when the stop begins. */
  readonly stopping: AbortSignal;
}

/** The profiles and policies of the configuration, until they are reloaded. */
export function openRules({ config, audit, counter, log, now, endings, stopping }: RulesParts): LiveRuleSet {
  let again: NodeJS.Timeout | undefined;
  const isNew = createFailureFilter(now);
  const countFailed = (reason: "CONFIG" | "INTERNAL") =>
    counter.count({ type: "admin.failed", method: "Reload", profile: "", caller: NOBODY, reason });
  const logRefused = (type: "profiles.refused" | "policy.refused", faults: readonly Fault[]): void => {
    if (faults.length > 0) log("error", { type, faults: faults.slice(0, LOGGED_FAULTS), count: faults.length });
  };
  const warnOfShared = (): void => {
    for (const shared of sharedKeysets(live.profiles().values())) log("warn", { type: "profiles.shared", ...shared });
  };
  const live = createLiveRuleSet({
    initial: config,
    load: (known) => loadRuleSet(config.effective, known),
    choice: config.effective.profiles,
    hashOf: (rules) => configHash(config, rules),
    audit,
    now,
    observer: {
      // Calls that name a profile that is gone are refused from now on.
      onReloaded({ changed, gone, policies }) {
        log(gone.length > 0 ? "warn" : "info", { type: "profiles.reloaded", changed, gone, policies });
        if (changed.length > 0) warnOfShared();
      },
      onRefused(faults) {
        const { policy, shadow } = config.effective.access;
        const isOfPolicy = ({ file }: Fault) => file === policy || file === shadow;
        logRefused("policy.refused", faults.filter(isOfPolicy));
        logRefused(
          "profiles.refused",
          faults.filter((fault) => !isOfPolicy(fault)),
        );
        countFailed("CONFIG");
      },
      onError(error) {
        if (isNew("profiles", error)) log("error", { type: "profiles.failed", error });
        countFailed("INTERNAL");
        // The files need no change: a policy that was tightened while the audit log failed must come into force.
        clearTimeout(again);
        if (!stopping.aborted) again = setTimeout(live.reload, RETRY_MS).unref();
      },
    },
  });
  endings.add(() => clearTimeout(again));
  warnOfShared();
  return live;
}

/** Reloads the set when the operator's policy, or the one beside it, has changed. */
export function watchPolicies(config: Config, live: LiveRuleSet, log: Log, endings: Shutdown): void {
  const { policy, shadow } = config.effective.access;
  if (policy === "" && shadow === "") return;
  const files = { policy: watchedFile(policy), shadow: watchedFile(shadow) };
  // What was loaded, and not what the files hold now: they may have changed since.
  const loaded = {
    ...(policy === "" ? {} : { policy: Buffer.from(config.policy.text) }),
    ...(config.shadow && { shadow: Buffer.from(config.shadow.text) }),
  };
  const watch = startFileWatch(files, loaded, {
    use: async () => void (await live.reload()),
    onError: (error) => log("error", { type: "policy.failed", error }),
  });
  endings.add(() => watch.stop());
}

function watchedFile(path: string) {
  return path === "" ? undefined : { path, isSecret: false };
}
