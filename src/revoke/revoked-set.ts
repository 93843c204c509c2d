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
  /** The known revocation of the same token or subject. */
  get(revocation: Revocation): Revocation | undefined;
  /** False when a known revocation covers this one. */
  add(revocation: Revocation): boolean;
  /** Removes expired entries. `now` in Unix milliseconds. */
  sweep(now: number): void;
  has(token: RevocableToken): boolean;
  /** Iterates over the live set, so entries added during the iteration may appear. */
  all(): Iterable<Revocation>;
}

export function createRevokedSet(hashers: SubjectHashers): RevokedSet {
  const tokens = new ScopedMap<Revocation>();
  const subjects = new ScopedMap<Revocation>();

  function subjectHas(token: RevocableToken, subject: string): boolean {
    return hashers.some(({ hash }) => {
      const revoked = subjects.get(token, hash(subject)) as RevokedSubject | undefined;
      return revoked !== undefined && (token.issuedAt === undefined || token.issuedAt <= revoked.issuedBefore);
    });
  }

  const mapOf = ({ kind }: Revocation) => (kind === "token" ? tokens : subjects);

  return {
    get: (revocation) => mapOf(revocation).get(revocation, idOf(revocation)),
    add(revocation) {
      const map = mapOf(revocation);
      const id = idOf(revocation);
      const known = map.get(revocation, id);
      if (known !== undefined && covers(known, revocation)) return false;
      map.set(revocation, id, known === undefined ? revocation : merge(revocation, known));
      return true;
    },
    sweep(now) {
      for (const map of [tokens, subjects])
        for (const revocation of map.values()) if (revocation.until <= now) map.delete(revocation, idOf(revocation));
    },
    has(token) {
      if (tokens.size > 0 && tokens.get(token, token.tokenId) !== undefined) return true;
      // Skip the hash, the most expensive step, while no subject is revoked, which is the usual case.
      return subjects.size > 0 && token.subject !== undefined && subjectHas(token, token.subject);
    },
    *all() {
      yield* tokens.values();
      yield* subjects.values();
    },
  };
}

function idOf(revocation: Revocation): string {
  return revocation.kind === "token" ? revocation.tokenId : revocation.subjectHash;
}

interface Scope {
  readonly profile: string;
  readonly tenant: string;
}

/**
 * Values by profile, tenant and id. The maps in it share the ids with their values: one text for all three costs more.
 */
class ScopedMap<Value> {
  readonly #profiles = new Map<string, Map<string, Map<string, Value>>>();
  size = 0;

  get({ profile, tenant }: Scope, id: string): Value | undefined {
    return this.#profiles.get(profile)?.get(tenant)?.get(id);
  }

  set({ profile, tenant }: Scope, id: string, value: Value): void {
    const tenants = this.#profiles.get(profile) ?? new Map<string, Map<string, Value>>();
    const ids = tenants.get(tenant) ?? new Map<string, Value>();
    this.#profiles.set(profile, tenants);
    tenants.set(tenant, ids);
    if (!ids.has(id)) this.size += 1;
    ids.set(id, value);
  }

  delete({ profile, tenant }: Scope, id: string): void {
    if (this.#profiles.get(profile)?.get(tenant)?.delete(id)) this.size -= 1;
  }

  *values(): Generator<Value> {
    for (const tenants of this.#profiles.values()) for (const ids of tenants.values()) yield* ids.values();
  }
}

/** The keyed hash of a subject, under one key. */
export interface SubjectHasher {
  /** Identifies the key without revealing it. */
  readonly keyId: string;
  hash(subject: string): string;
}

/** The current hasher first, then those of earlier KEKs, under which stored revocations may be hashed. */
export type SubjectHashers = readonly [SubjectHasher, ...SubjectHasher[]];
