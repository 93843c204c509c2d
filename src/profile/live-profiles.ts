import { createQueue } from "../async/queue.ts";
import type { AuditLog } from "../audit/event.ts";
import { ConfigError, type Fault } from "../schema/fault.ts";
import { type ProfileSet, restartFaults } from "./keysets.ts";
import type { Profile } from "./model/profile.ts";

/** The profiles of a running service. */
export interface LiveProfiles {
  /** Those that serve now. A call asks once and keeps the answer to its end. */
  current(): ReadonlyMap<string, Profile>;
  /** Reads the files again and takes all of them over, or nothing. One at a time; never rejects. */
  reload(): Promise<void>;
}

export interface LiveProfilesParts {
  /** Those of the start. Their keysets stay for as long as the process runs. */
  readonly initial: ProfileSet;
  /** Reads and checks the files; `known` serve now. Throws a {@link ConfigError}. */
  readonly load: (known: ReadonlyMap<string, Profile>) => ProfileSet;
  /** SHA-256 of all that the service does by with these profiles. */
  readonly hashOf: (profiles: ReadonlyMap<string, Profile>) => string;
  readonly audit: AuditLog;
  /** Unix milliseconds. */
  readonly now: () => number;
  readonly observer: {
    /** These are new, changed or gone; the gone ones once more. */
    onReloaded(changed: readonly string[], gone: readonly string[]): void;
    /** The files have faults: those before go on serving. */
    onRefused(faults: readonly Fault[]): void;
    /** Something else did not work: those before go on serving. */
    onError(error: unknown): void;
  };
}

export function createLiveProfiles({ initial, load, hashOf, audit, now, observer }: LiveProfilesParts): LiveProfiles {
  let profiles = initial.profiles;
  const queue = createQueue();

  return {
    current: () => profiles,
    reload: () => queue.run(reloadOnce).catch(tell),
  };

  async function reloadOnce(): Promise<void> {
    const wanted = load(profiles);
    const faults = restartFaults(initial.keysets, wanted.keysets);
    if (faults.length > 0) throw new ConfigError(faults);
    const changed = differences(profiles, wanted.profiles);
    const gone = changed.filter((name) => !wanted.profiles.has(name));
    if (changed.length > 0) {
      // No token shall leave by rules that no event tells of.
      const configHash = hashOf(wanted.profiles);
      await audit.append({ type: "configuration.changed", configHash, profiles: changed }, now());
      profiles = wanted.profiles;
    }
    observer.onReloaded(changed, gone);
  }

  function tell(error: unknown): void {
    if (error instanceof ConfigError) observer.onRefused(error.faults);
    else observer.onError(error);
  }
}

function differences(before: ReadonlyMap<string, Profile>, after: ReadonlyMap<string, Profile>): string[] {
  const names = new Set([...before.keys(), ...after.keys()]);
  return [...names].filter((name) => before.get(name)?.digest !== after.get(name)?.digest).sort();
}
