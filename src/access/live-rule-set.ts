import { createQueue } from "../async/queue.ts";
import type { AuditLog } from "../audit/event.ts";
import type { Reread } from "../files/watched-files.ts";
import { restartFaults } from "../profile/keysets.ts";
import type { ProfileChoice } from "../profile/load.ts";
import { ConfigError, type Fault } from "../schema/fault.ts";
import type { RuleSet } from "./rule-set.ts";

/** The profiles and policies of a running service. */
export interface LiveRuleSet {
  /** The set in use. A call asks once and works with the result until it ends. */
  current(): RuleSet;
  /** The profiles of the set in use. */
  profiles(): RuleSet["profiles"];
  /** Reads the files again and adopts all of them or none. Reloads run one at a time and never reject. */
  reload(): Promise<Reloaded>;
  /**
   * Calls the listener after each change of the set, which MUST NOT throw. Returns the function that removes it.
   */
  onChange(listener: () => void): () => void;
}

/** What became of the files; "failed": their event could not be stored, and the set before stays in use. */
export type Reloaded = Reread | "failed";

/** What a reload changes, each by name. */
export interface RuleSetChange {
  /** The profiles that are new, changed or gone. */
  readonly changed: readonly string[];
  /** Those of them that are gone. */
  readonly gone: readonly string[];
  /** Which of the two changed. */
  readonly policies: readonly ("policy" | "shadow")[];
}

export interface LiveRuleSetParts {
  /** The set of the start. Its keysets stay open for the life of the process. */
  readonly initial: RuleSet;
  /** Reads and checks the files; `known` are the profiles in use. Throws a {@link ConfigError}. */
  readonly load: (known: RuleSet["profiles"]) => RuleSet;
  /** Which profiles the configuration disables and replaces: a reload reads the files, not the configuration. */
  readonly choice: ProfileChoice;
  /** SHA-256 of the effective configuration with these rules. */
  readonly hashOf: (rules: RuleSet) => string;
  readonly audit: AuditLog;
  /** Unix milliseconds. */
  readonly now: () => number;
  readonly observer: {
    /** Called after a reload. */
    onReloaded(change: RuleSetChange): void;
    /** Called when the files have faults: the set before stays in use. */
    onRefused(faults: readonly Fault[]): void;
    /** Called after any other failure: the set before stays in use. */
    onError(error: unknown): void;
  };
}

export function createLiveRuleSet({
  initial,
  load,
  choice,
  hashOf,
  audit,
  now,
  observer,
}: LiveRuleSetParts): LiveRuleSet {
  let rules = initial;
  const queue = createQueue();
  const listeners = new Set<() => void>();

  return {
    current: () => rules,
    profiles: () => rules.profiles,
    reload: () => queue.run(reloadOnce).catch(report),
    onChange(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };

  async function reloadOnce(): Promise<Reloaded> {
    const wanted = load(rules.profiles);
    const faults = restartFaults(initial.keysets, wanted.keysets);
    if (faults.length > 0) throw new ConfigError(faults);
    const change = changeOf(rules, wanted);
    const isNew = change.changed.length + change.policies.length > 0;
    if (isNew) await adopt(wanted, change);
    observer.onReloaded(change);
    return isNew ? "used" : "unchanged";
  }

  async function adopt(wanted: RuleSet, { changed, policies }: RuleSetChange): Promise<void> {
    // The event comes first: for every call, the audit log must show under which rules it was decided.
    const { disable: disabled, replace: replaced } = choice;
    const hashes = { configHash: hashOf(wanted), policyDigest: wanted.policy.digest };
    const parts = [...(changed.length > 0 ? (["profiles"] as const) : []), ...policies];
    const what = { profiles: changed, disabled, replaced, parts };
    await audit.append({ type: "configuration.changed", ...hashes, ...what }, now());
    rules = wanted;
    for (const listener of listeners) listener();
  }

  function report(error: unknown): Reloaded {
    if (error instanceof ConfigError) {
      observer.onRefused(error.faults);
      return "refused";
    }
    observer.onError(error);
    return "failed";
  }
}

function changeOf(before: RuleSet, after: RuleSet): RuleSetChange {
  const names = new Set([...before.profiles.keys(), ...after.profiles.keys()]);
  const digestIn = ({ profiles }: RuleSet, name: string) => profiles.get(name)?.digest;
  const changed = [...names].filter((name) => digestIn(before, name) !== digestIn(after, name)).sort();
  return {
    changed,
    gone: changed.filter((name) => !after.profiles.has(name)),
    policies: (["policy", "shadow"] as const).filter((name) => before[name]?.digest !== after[name]?.digest),
  };
}
