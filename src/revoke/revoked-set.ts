import type { Revocation, RevokedSubject, RevokedToken } from "./revocation.ts";

/** A token as far as a revocation may concern it. `tenant` is "" where the profile has none. */
export interface RevocableToken {
  readonly profile: string;
  readonly tenant: string;
  readonly tokenId: string;
  readonly subject: string | undefined;
  /** Unix seconds. Without it a token counts as issued before every moment. */
  readonly issuedAt: number | undefined;
}

/** The revocations in memory: asked for every token that is otherwise valid. */
export interface RevokedSet {
  add(revocation: Revocation): void;
  /** Removes what has ended. `now` in Unix milliseconds. */
  sweep(now: number): void;
  has(token: RevocableToken): boolean;
  all(): readonly Revocation[];
}

/** `hashSubject` is the keyed hash that revocations of subjects carry. */
export function createRevokedSet(hashSubject: (subject: string) => string): RevokedSet {
  const tokens = new Map<string, RevokedToken>();
  const subjects = new Map<string, RevokedSubject>();
  return {
    add(revocation) {
      if (revocation.kind === "token") {
        tokens.set(nameOf(revocation, revocation.tokenId), revocation);
        return;
      }
      const name = nameOf(revocation, revocation.subjectHash);
      const known = subjects.get(name);
      // Two replicas' revocations of one subject may come in any order: the later moment holds.
      if (known === undefined || known.issuedBefore <= revocation.issuedBefore) subjects.set(name, revocation);
    },
    sweep(now) {
      for (const map of [tokens, subjects])
        for (const [name, { until }] of map as Map<string, Revocation>) if (until <= now) map.delete(name);
    },
    has(token) {
      if (tokens.size > 0 && tokens.has(nameOf(token, token.tokenId))) return true;
      // The hash costs more than all else here, and mostly there is nothing to compare it with.
      if (subjects.size === 0 || token.subject === undefined) return false;
      const revoked = subjects.get(nameOf(token, hashSubject(token.subject)));
      return revoked !== undefined && (token.issuedAt === undefined || token.issuedAt <= revoked.issuedBefore);
    },
    all: () => [...tokens.values(), ...subjects.values()],
  };
}

function nameOf({ profile, tenant }: { readonly profile: string; readonly tenant: string }, id: string): string {
  return `${profile}\n${tenant}\n${id}`;
}
