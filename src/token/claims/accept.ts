import { distance } from "fastest-levenshtein";
import { REGISTERED_NAMES } from "../../profile/model/names.ts";
import type { Profile } from "../../profile/model/profile.ts";
import { pathText } from "../../schema/path-text.ts";
import { type Rejection, reject } from "../rejection.ts";
import type { JsonObject } from "./strict-json.ts";

/**
 * Checks the claims, aliases resolved, against what the profile accepts. Reports a missing claim before a wrong one.
 */
export function checkAccepted(claims: JsonObject, profile: Profile): Rejection | undefined {
  const violations = profile.accept(claims);
  const missing = violations.find(({ keyword }) => keyword === "required");
  if (missing) return claimMissing(claims, missing.path, profile);
  if (profile.lifetime.maxAge !== undefined && claims.iat === undefined) return claimMissing(claims, ["iat"], profile);
  const [wrong] = violations;
  return wrong && reject("CLAIM_INVALID", `${cutPathText(wrong.path)} ${wrong.message}`).rejection;
}

/** A path into a JSON value. */
export type Path = readonly (string | number)[];

/** A path as text. Names may have been chosen by the author of the token, so long ones are cut. */
export function cutPathText(path: Path): string {
  return pathText(path.map((part) => String(part).slice(0, 64).toWellFormed()));
}

function claimMissing(claims: JsonObject, path: Path, profile: Profile): Rejection {
  return reject("CLAIM_MISSING", `${cutPathText(path)} is required`, misspelt(claims, path, profile)).rejection;
}

/** A diagnosis when a claim that the profile does not know looks like the missing one, misspelt. */
function misspelt(claims: JsonObject, [name, ...deeper]: Path, profile: Profile): string | undefined {
  if (typeof name !== "string" || deeper.length > 0) return undefined;
  const aliases = profile.aliases.find(({ claim }) => claim === name)?.names ?? [];
  const known = knownNames(profile);
  const unknown = Object.keys(claims).filter((given) => !known.has(given));
  const near = nearestName(unknown, [name, ...aliases]);
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

/** Longest name that is compared, which bounds the work that a token can cause. */
const MAX_LENGTH = 64;

interface Near {
  readonly given: string;
  readonly wanted: string;
}

/**
 * The given name that is nearest to one of the wanted names, if it is near at all: equal but for case, `_` and `-`, or
 * at most one edit away for every three characters, and never more than two.
 */
function nearestName(given: readonly string[], wanted: readonly string[]): Near | undefined {
  let nearest: (Near & { readonly edits: number }) | undefined;
  for (const from of given.filter(({ length }) => length <= MAX_LENGTH))
    for (const to of wanted) {
      const edits = plain(from) === plain(to) ? 0 : distance(from, to);
      if (edits <= Math.min(2, Math.floor(to.length / 3)) && edits < (nearest?.edits ?? 3))
        nearest = { given: from, wanted: to, edits };
    }
  return nearest && { given: nearest.given, wanted: nearest.wanted };
}

function plain(name: string): string {
  return name.toLowerCase().replace(/[_-]/g, "");
}
