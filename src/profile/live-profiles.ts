import { createQueue } from "../async/queue.ts";
import type { AuditLog } from "../audit/event.ts";
import { ConfigError, type Fault } from "../schema/fault.ts";
import { type ProfileSet, restartFaults } from "./keysets.ts";
import type { ProfileChoice } from "./load.ts";
import type { Profile } from "./model/profile.ts";

/** The profiles of a running service. */
export interface LiveProfiles {
  /** The profiles in use. A call asks once and works with the result until it ends. */
  current(): ReadonlyMap<string, Profile>;
  /** Reads the files again and adopts all of them or none. Reloads run one at a time and never reject. */
  reload(): Promise<void>;
}

export interface LiveProfilesParts {
  /** The profiles of the start. Their keysets stay open for the life of the process. */
  readonly initial: ProfileSet;
  /** Reads and checks the files; `known` are the profiles in use. Throws a {@link ConfigError}. */
  readonly load: (known: ReadonlyMap<string, Profile>) => ProfileSet;
  /** Which profiles the configuration disables and replaces: a reload reads the files, not the configuration. */
  readonly choice: ProfileChoice;
  /** SHA-256 of the effective configuration with these profiles. */
  readonly hashOf: (profiles: ReadonlyMap<string, Profile>) => string;
  readonly audit: AuditLog;
  /** Unix milliseconds. */
  readonly now: () => number;
  readonly observer: {
    /** Called after a reload. `changed` are the profiles that are new, changed or gone; `gone` are some of them. */
    onReloaded(changed: readonly string[], gone: readonly string[]): void;
    /** Called when the files have faults: the profiles before stay in use. */
    onRefused(faults: readonly Fault[]): void;
    /** Called after any other failure: the profiles before stay in use. */
    onError(error: unknown): void;
  };
}

export function createLiveProfiles({
  initial,
  load,
  choice,
  hashOf,
  audit,
  now,
  observer,
}: LiveProfilesParts): LiveProfiles {
  let profiles = initial.profiles;
  const queue = createQueue();

  return {
    current: () => profiles,
    reload: () => queue.run(reloadOnce).catch(report),
  };

  async function reloadOnce(): Promise<void> {
    const wanted = load(profiles);
    const faults = restartFaults(initial.keysets, wanted.keysets);
    if (faults.length > 0) throw new ConfigError(faults);
    const changed = changedNames(profiles, wanted.profiles);
    const gone = changed.filter((name) => !wanted.profiles.has(name));
    if (changed.length > 0) {
      // The event comes first: for every token, the audit log must show under which rules it was issued.
      const configHash = hashOf(wanted.profiles);
      const { disable: disabled, replace: replaced } = choice;
      await audit.append({ type: "configuration.changed", configHash, profiles: changed, disabled, replaced }, now());
      profiles = wanted.profiles;
    }
    observer.onReloaded(changed, gone);
  }

  function report(error: unknown): void {
    if (error instanceof ConfigError) observer.onRefused(error.faults);
    else observer.onError(error);
  }
}

function changedNames(before: ReadonlyMap<string, Profile>, after: ReadonlyMap<string, Profile>): string[] {
  const names = new Set([...before.keys(), ...after.keys()]);
  return [...names].filter((name) => before.get(name)?.digest !== after.get(name)?.digest).sort();
}
