import { covers, joined, type Revocation, type RevokedSubject } from "./revocation.ts";

/** A token as far as a revocation may concern it. `tenant` is "" where the profile has none. */
export interface RevocableToken {
  readonly profile: string;
  readonly tenant: string;
  readonly tokenId: string;
  readonly subject: string | undefined;
  /** Unix seconds. Without it a token counts as issued before every moment. */
  readonly issuedAt: number | undefined;
}

/** The revocations in memory: asked for every token that is otherwise valid. It only forgets what has ended. */
export interface RevokedSet {
  /** False when it says nothing new. */
  add(revocation: Revocation): boolean;
  /** Removes what has ended. `now` in Unix milliseconds. */
  sweep(now: number): void;
  has(token: RevocableToken): boolean;
  /** One by one, those that are added meanwhile too. */
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
      map.set(name, known === undefined ? revocation : joined(revocation, known));
      return true;
    },
    sweep(now) {
      for (const map of [tokens, subjects]) for (const [name, { until }] of map) if (until <= now) map.delete(name);
    },
    has(token) {
      if (tokens.size > 0 && tokens.has(nameOf(token, token.tokenId))) return true;
      // The hash costs more than all else here, and mostly there is nothing to compare it with.
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
  /** Names the key, and tells nothing of it. */
  readonly keyId: string;
  hash(subject: string): string;
}

/** The one to hash with, then those under which earlier revocations were hashed: the KEK may be exchanged. */
export type SubjectHashers = readonly [SubjectHasher, ...SubjectHasher[]];
