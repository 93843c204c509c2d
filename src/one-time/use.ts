import { createHash } from "node:crypto";
import type { Profile } from "../profile/model/profile.ts";
import type { Entry } from "../state/keyvalue.ts";

/** What names a token among all. */
export interface NamedToken {
  readonly profile: Pick<Profile, "name">;
  readonly tenant: string;
  readonly tokenId: string;
}

/** A valid token. Times in Unix seconds. */
export interface UsableToken extends NamedToken {
  readonly profile: Pick<Profile, "name" | "lifetime" | "keys">;
  readonly issuedAt: number | undefined;
  readonly expiresAt: number | undefined;
}

/** Who used a token up, and when. */
export interface Use {
  /** What a repetition has in common with the first use. Empty: nothing may repeat it. */
  readonly by: string;
  /** Unix milliseconds. */
  readonly at: number;
}

/** A hash, because no key of a store can hold any text, and a token's id may be personal. */
export function useKey({ profile, tenant, tokenId }: NamedToken): string {
  const name = JSON.stringify([profile.name, tenant, tokenId]);
  return `used/${createHash("sha256").update(name).digest("base64url")}`;
}

export function encodeUse({ by, at }: Use): Uint8Array {
  return Buffer.from(JSON.stringify({ by, at }));
}

/** What another client of the store wrote is a use that nothing repeats. */
export function parseUse({ value }: Entry): Use {
  try {
    const { by, at } = Object(JSON.parse(Buffer.from(value).toString()));
    if (typeof by === "string" && Number.isFinite(at)) return { by, at };
  } catch {
    // Below.
  }
  return { by: "", at: 0 };
}

/** Whether the same user asks again, within `repeatMs` of the use. Times in Unix milliseconds. */
export function isRepetition({ by, at }: Use, user: string, now: number, repeatMs: number): boolean {
  // A clock that is behind that of the first use may be behind by any time that clocks may differ.
  return by !== "" && by === user && now - at < repeatMs;
}

/**
 * Until when the use of a token must be known, in Unix milliseconds; undefined: forever. After that it is valid by no
 * clock: one replica's may be behind by `skewMs`, and the one that judges the entry ahead by as much.
 */
export function useExpiry({ profile, issuedAt, expiresAt }: UsableToken, skewMs: number): number | undefined {
  const { leeway, maxAge } = profile.lifetime;
  const oldest = issuedAt === undefined || maxAge === undefined ? undefined : issuedAt + maxAge;
  const end = expiresAt ?? oldest;
  return end === undefined ? undefined : (end + leeway) * 1000 + 2 * skewMs;
}

/**
 * Whether the token may have been used before `since` (Unix milliseconds): the store has forgotten what was used until
 * then. Without an `iat` a token is as old as its `exp` allows, because verifying bounds the rest of its life.
 */
export function mayBeOlder({ profile, issuedAt, expiresAt }: UsableToken, since: number, skewMs: number): boolean {
  const { lifetime, keys } = profile;
  const longest = lifetime.extended?.max ?? lifetime.max;
  const born = issuedAt ?? (expiresAt === undefined ? 0 : expiresAt - longest);
  // The clock of another issuer may be ahead by what its tokens are granted.
  const aheadMs = keys.kind === "imported" ? lifetime.skew * 1000 : 0;
  return born * 1000 <= since + skewMs + aheadMs;
}
