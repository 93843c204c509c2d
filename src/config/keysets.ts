import { type KeyPolicy, keyPolicy } from "../keys/rotating/policy.ts";
import type { Keyset } from "../profile/keysets.ts";
import { longestLifetime, type Profile } from "../profile/model/profile.ts";
import { msOf } from "../schema/duration.ts";
import type { RawConfig } from "./schema.ts";

type Rotation = RawConfig["rotation"];

/** The rotating keysets of the profiles. `maxTtl` is the longest time for which a token of a keyset is accepted. */
export function buildKeysets(profiles: Iterable<Profile>, rotation: Rotation): Keyset[] {
  const keysets = new Map<string, Keyset>();
  for (const { keys, lifetime } of profiles) {
    if (keys.kind !== "keyset") continue;
    const { keyset: name, algorithm } = keys;
    // A key outlives its last token by clock_skew and stop_using anyway: only a leeway beyond them counts.
    const beyond = Math.max(0, lifetime.leeway * 1000 - msOf(rotation.clock_skew) - msOf(rotation.stop_using));
    const maxTtl = Math.max(keysets.get(name)?.policy.maxTtl ?? 0, longestLifetime(lifetime) * 1000 + beyond);
    keysets.set(name, { name, algorithm, policy: rotationPolicy(rotation, maxTtl) });
  }
  return [...keysets.values()];
}

/** The policy for keys whose tokens are accepted for at most `maxTtl` milliseconds, on which no other field depends. */
export function rotationPolicy(rotation: Rotation, maxTtl = 1): KeyPolicy {
  return keyPolicy({
    maxTtl,
    period: msOf(rotation.period),
    verifierCache: msOf(rotation.verifier_cache),
    propagation: msOf(rotation.propagation),
    stopUsing: msOf(rotation.stop_using),
    skew: msOf(rotation.clock_skew),
    activationDelay: msOf(rotation.activation_delay),
    ...(rotation.lead === "" ? {} : { lead: msOf(rotation.lead) }),
  });
}
