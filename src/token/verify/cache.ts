import { hash } from "node:crypto";
import type { VerifyingKey } from "../../keys/vault.ts";
import type { JsonObject } from "../claims/strict-json.ts";
import type { Header } from "./header.ts";

/**
 * What was read from tokens whose signature is good, so that it need not be verified again. It holds no verdict: every
 * other check is made each time, and the key must still be the very same.
 */
export interface VerifiedCache {
  /** Counts as a hit or as a miss. */
  get(token: string): Signed | undefined;
  put(token: string, signed: Signed): void;
  readonly hits: number;
  readonly misses: number;
}

/** Room for each token, on average, in characters: fewer are kept when they are longer. */
const AVERAGE_LENGTH = 1024;

/**
 * Keeps about so many tokens, those that were asked for most recently: when half of them are new, the other half is
 * forgotten. 0: none. Known by a hash of the exact text: it can't be used as a token, and two texts are never taken for one.
 */
export function createVerifiedCache(entries: number): VerifiedCache {
  const half = Math.ceil(entries / 2);
  let recent = new Map<string, Signed>();
  let older = new Map<string, Signed>();
  let room = half * AVERAGE_LENGTH;
  let hits = 0;
  let misses = 0;

  function keep(digest: string, length: number, signed: Signed): void {
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
        if (signed !== undefined) keep(digest, token.length, signed);
      }
      if (signed === undefined) misses += 1;
      else hits += 1;
      return signed;
    },
    put(token, signed) {
      if (entries > 0) keep(hash("sha256", token, "base64url"), token.length, signed);
    },
    get hits() {
      return hits;
    },
    get misses() {
      return misses;
    },
  };
}

/** A token whose signature is good, as it was read. Whether any of it is what it must be is another matter. */
export interface Signed {
  readonly header: Header;
  /** Undefined when it is not a strict JSON object. */
  readonly payload: JsonObject | undefined;
  readonly tokenId: string;
  readonly key: VerifyingKey;
}
