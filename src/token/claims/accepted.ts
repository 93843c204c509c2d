import { distance } from "fastest-levenshtein";
import { REGISTERED_NAMES } from "../../profile/model/names.ts";
import type { Profile } from "../../profile/model/profile.ts";
import { type Rejection, reject } from "../rejection.ts";
import type { JsonObject } from "./strict-json.ts";

/** Checks the claims, aliases resolved, against what the profile accepts: what is missing before what is wrong. */
export function checkAccepted(claims: JsonObject, profile: Profile): Rejection | undefined {
  const violations = profile.accept(claims);
  const missing = violations.find(({ keyword }) => keyword === "required");
  if (missing) return claimMissing(claims, missing.path, profile);
  if (profile.lifetime.maxAge !== undefined && claims.iat === undefined) return claimMissing(claims, ["iat"], profile);
  const [wrong] = violations;
  return wrong && reject("CLAIM_INVALID", `${shownPath(wrong.path)} ${wrong.message}`).rejection;
}

type Path = readonly (string | number)[];

function claimMissing(claims: JsonObject, path: Path, profile: Profile): Rejection {
  return reject("CLAIM_MISSING", `${shownPath(path)} is required`, misspelt(claims, path, profile)).rejection;
}

/** Says which claim, that the profile does not know, comes close to the one that is missing. */
function misspelt(claims: JsonObject, [name, ...deeper]: Path, profile: Profile): string | undefined {
  if (typeof name !== "string" || deeper.length > 0) return undefined;
  const aliases = profile.aliases.find(({ claim }) => claim === name)?.names ?? [];
  const known = knownNames(profile);
  const unknown = Object.keys(claims).filter((given) => !known.has(given));
  const near = nearName(unknown, [name, ...aliases]);
  return near && `the claim ${JSON.stringify(near.given)} comes close to ${near.wanted}`;
}

function knownNames({ claims, aliases, schemas }: Profile): ReadonlySet<string> {
  const { properties = {} } = schemas.accept as { readonly properties?: object };
  return new Set([
    ...REGISTERED_NAMES,
    ...Object.keys(properties),
    ...claims.flatMap((claim) => ("name" in claim ? claim.name : [])),
    ...aliases.flatMap(({ claim, names }) => [claim, ...names]),
  ]);
}

/** What no one mistypes: also a bound on the work that a token's own names can cause. */
const MAX_LENGTH = 64;

/** A pair of names that come close to each other. */
interface Near {
  readonly given: string;
  readonly wanted: string;
}

/**
 * The given name that comes closest to one of the wanted, if it comes close at all: equal but for case, `_` and `-`, or one
 * change away for every three characters, at most two.
 */
function nearName(given: readonly string[], wanted: readonly string[]): Near | undefined {
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

/** A path within a JSON value as text. Its names may be chosen by whoever made the value: long ones are cut. */
export function shownPath(path: readonly (string | number)[]): string {
  return path.map((part) => String(part).slice(0, 64).toWellFormed()).join(".");
}
