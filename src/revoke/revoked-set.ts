import { covers, merge, type Revocation, type RevokedSubject } from "./revocation.ts";

/** The properties of a token by which a revocation matches it. `tenant` is "" where the profile has none. */
export interface RevocableToken {
  readonly profile: string;
  readonly tenant: string;
  readonly tokenId: string;
  readonly subject: string | undefined;
  /** Unix seconds. When undefined, the token counts as issued before any time. */
  readonly issuedAt: number | undefined;
}

/** The revocations in memory, checked for every otherwise valid token. Only expired entries are removed. */
export interface RevokedSet {
  /** False when a known revocation covers this one. */
  add(revocation: Revocation): boolean;
  /** Removes expired entries. `now` in Unix milliseconds. */
  sweep(now: number): void;
  has(token: RevocableToken): boolean;
  /** Iterates over the live set, so entries added during the iteration may appear. */
  all(): Iterable<Revocation>;
}

export function createRevokedSet(hashers: SubjectHashers): RevokedSet {
  const tokens = new Map<string, Revocation>();
  const subjects = new Map<string, Revocation>();

  function subjectHas(token: RevocableToken, subject: string): boolean {
    return hashers.some(({ hash }) => {
      const revoked = subjects.get(nameOf(token, hash(subject))) as RevokedSubject | undefined;
      return revoked !== undefined && (token.issuedAt === undefined || token.issuedAt <= revoked.issuedBefore);
    });
  }

  return {
    add(revocation) {
      const isToken = revocation.kind === "token";
      const map = isToken ? tokens : subjects;
      const name = nameOf(revocation, isToken ? revocation.tokenId : revocation.subjectHash);
      const known = map.get(name);
      if (known !== undefined && covers(known, revocation)) return false;
      map.set(name, known === undefined ? revocation : merge(revocation, known));
      return true;
    },
    sweep(now) {
      for (const map of [tokens, subjects]) for (const [name, { until }] of map) if (until <= now) map.delete(name);
    },
    has(token) {
      if (tokens.size > 0 && tokens.has(nameOf(token, token.tokenId))) return true;
      // Skip the hash, the most expensive step, while no subject is revoked, which is the usual case.
      return subjects.size > 0 && token.subject !== undefined && subjectHas(token, token.subject);
    },
    *all() {
      yield* tokens.values();
      yield* subjects.values();
    },
  };
}

function nameOf({ profile, tenant }: { readonly profile: string; readonly tenant: string }, id: string): string {
  return `${profile}\n${tenant}\n${id}`;
}

/** The keyed hash of a subject, under one key. */
export interface SubjectHasher {
  /** Identifies the key without revealing it. */
  readonly keyId: string;
  hash(subject: string): string;
}

/** The current hasher first, then those of earlier KEKs, under which stored revocations may be hashed. */
export type SubjectHashers = readonly [SubjectHasher, ...SubjectHasher[]];
