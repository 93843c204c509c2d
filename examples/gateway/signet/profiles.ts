import type { Profile, ProfileCarrier, ProfileQuarantine, ProfileSessions } from "../gen/signet/v1/profiles.ts";
import type { Signet } from "./client.ts";

/** A changed profile is noticed this soon. */
const FRESH_MS = 30_000;

/** What a gateway reads from a profile, so that none of it is written in the gateway. */
export interface GatewayProfile {
  /** Where a client may put its token. */
  readonly carriers: readonly ProfileCarrier[];
  /** The limits on a connection that has not presented a valid token. */
  readonly quarantine: ProfileQuarantine | undefined;
  /** Unset: its connections are no sessions. */
  readonly sessions: ProfileSessions | undefined;
}

/** Reads profiles, and keeps each for 30 s. While Signet is unreachable, the last one that was read stays in use. */
export class Profiles {
  readonly #signet: Pick<Signet, "getProfile">;
  readonly #now: () => number;
  readonly #read = new Map<string, { readonly profile: Profile; readonly at: number }>();

  constructor(signet: Pick<Signet, "getProfile">, now: () => number = performance.now.bind(performance)) {
    this.#signet = signet;
    this.#now = now;
  }

  /** Rejects with the ServiceError when the profile was never read and can't be read. */
  async get(name: string): Promise<GatewayProfile> {
    const known = this.#read.get(name);
    if (known !== undefined && this.#now() - known.at < FRESH_MS) return known.profile;
    try {
      const { profile } = await this.#signet.getProfile({ profile: name });
      if (profile === undefined) throw new Error(`GetProfile answered without the profile ${name}`);
      this.#read.set(name, { profile, at: this.#now() });
      return profile;
    } catch (error) {
      if (known === undefined) throw error;
      return known.profile;
    }
  }
}
