import { hash } from "node:crypto";
import type { VerifyingKey } from "../../keys/vault.ts";
import type { JsonObject } from "../claims/strict-json.ts";
import type { Header } from "./header.ts";

/** The content of a token whose signature is good. Its header and claims are not checked yet. */
export interface Signed {
  readonly header: Header;
  /** Undefined when it is not a strict JSON object. */
  readonly payload: JsonObject | undefined;
  readonly tokenId: string;
  readonly key: VerifyingKey;
}

/**
 * Remembers tokens whose signature is good, so that it need not be verified again. It holds no verdict: every other
 * check is made each time, and the key must still be the same object.
 */
export interface VerifiedCache {
  /** Counts a hit or a miss. */
  get(token: string): Signed | undefined;
  put(token: string, signed: Signed): void;
  readonly hits: number;
  readonly misses: number;
}

/** Average room for one token, in characters. Longer tokens leave room for fewer. */
const AVERAGE_LENGTH = 1024;

/**
 * Remembers about `entries` tokens, the most recently used: once half of them are new, it forgets the other half. 0:
 * none. A token is known by a hash of its exact text. The hash is useless as a token, and no two texts share one.
 */
export function createVerifiedCache(entries: number): VerifiedCache {
  const half = Math.ceil(entries / 2);
  let recent = new Map<string, Signed>();
  let older = new Map<string, Signed>();
  let room = half * AVERAGE_LENGTH;
  let hits = 0;
  let misses = 0;

  function remember(digest: string, length: number, signed: Signed): void {
    if (recent.size === half || length > room) {
      older = recent;
      recent = new Map();
      room = half * AVERAGE_LENGTH;
    }
    recent.set(digest, signed);
    room -= length;
  }

  return {
    get(token) {
      if (entries === 0) return undefined;
      const digest = hash("sha256", token, "base64url");
      let signed = recent.get(digest);
      if (signed === undefined) {
        signed = older.get(digest);
        if (signed !== undefined) remember(digest, token.length, signed);
      }
      if (signed === undefined) misses += 1;
      else hits += 1;
      return signed;
    },
    put(token, signed) {
      if (entries > 0) remember(hash("sha256", token, "base64url"), token.length, signed);
    },
    get hits() {
      return hits;
    },
    get misses() {
      return misses;
    },
  };
}
