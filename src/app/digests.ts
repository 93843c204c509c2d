import { createHash } from "node:crypto";
import type { RuleSet } from "../access/rule-set.ts";
import type { Config } from "../config/config.ts";
import { sortedJson } from "../profile/canonical-json.ts";
import type { Digests } from "../replica/presence-record.ts";

/** Digests of the settings that replicas must share. Truncated: an attacker gains nothing from two equal digests. */
export function configDigests({ effective, keysets }: Pick<Config, "effective" | "keysets">): Digests {
  const choice = [effective.profiles.disable.toSorted(), effective.profiles.replace.toSorted()];
  const isChosen = choice.some((names) => names.length > 0);
  const sorted = keysets.toSorted((left, right) => (left.name < right.name ? -1 : 1));
  return {
    issuer: digestOf(effective.issuer),
    // Without such profiles it is that of earlier versions.
    keysets: digestOf([...sorted.map(({ name, algorithm }) => [name, algorithm]), ...(isChosen ? [choice] : [])]),
    rotation: digestOf(sorted.map(({ name, policy }) => [name, policy])),
  };
}

function digestOf(part: unknown): string {
  return createHash("sha256").update(sortedJson(part)).digest("base64url").slice(0, 16);
}

/** SHA-256 of the configuration, in a fixed order, and of the profiles and policies. It covers no secret. */
export function configHash({ effective }: Config, { profiles, policy, shadow }: RuleSet): string {
  const policies = [["policy", policy.digest], ...(shadow === undefined ? [] : [["shadow", shadow.digest]])];
  const digests = [...[...profiles.values()].map(({ name, digest }) => [name, digest]), policies];
  return createHash("sha256")
    .update(sortedJson([effective, digests]))
    .digest("base64url");
}
