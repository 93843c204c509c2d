import { distance } from "fastest-levenshtein";

/** What no one mistypes: also a bound on the work that a token's own names can cause. */
const MAX_LENGTH = 64;

/** A pair of names that come close to each other. */
export interface Near {
  readonly given: string;
  readonly wanted: string;
}

/**
 * The given name that comes closest to one of the wanted, if it comes close at all: equal but for case, `_` and `-`, or one
 * change away for every three characters, at most two.
 */
export function nearName(given: readonly string[], wanted: readonly string[]): Near | undefined {
  let nearest: (Near & { readonly away: number }) | undefined;
  for (const from of given.filter(({ length }) => length <= MAX_LENGTH))
    for (const to of wanted) {
      const away = plain(from) === plain(to) ? 0 : distance(from, to);
      if (away <= Math.min(2, Math.floor(to.length / 3)) && away < (nearest?.away ?? 3))
        nearest = { given: from, wanted: to, away };
    }
  return nearest && { given: nearest.given, wanted: nearest.wanted };
}

function plain(name: string): string {
  return name.toLowerCase().replace(/[_-]/g, "");
}
