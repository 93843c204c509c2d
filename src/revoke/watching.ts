import type { Profile } from "../profile/profile.ts";
import { unknownProfile } from "../token/unknown-profile.ts";
import type { Revocation } from "./revocation.ts";
import type { Revocations } from "./revocations.ts";

/**
 * What is revoked under a profile, or under every one when the name is empty: what stands, "current", then each change,
 * until the signal aborts. Throws the Problems PROFILE_NOT_FOUND and SLOW_READER.
 */
export type WatchRevocations = (profile: string, signal: AbortSignal) => AsyncIterable<Revocation | "current">;

export function watchingRevocations(
  profiles: () => ReadonlyMap<string, Profile>,
  revocations: Pick<Revocations, "watch">,
): WatchRevocations {
  return async function* watch(profile, signal) {
    if (profile !== "" && !profiles().has(profile)) throw unknownProfile(profile);
    for await (const change of revocations.watch(signal))
      if (change === "current" || profile === "" || change.profile === profile) yield change;
  };
}
