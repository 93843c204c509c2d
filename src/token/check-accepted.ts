import type { Profile } from "../profile/profile.ts";
import { REGISTERED_NAMES } from "../profile/registered-names.ts";
import { nearName } from "./near-name.ts";
import { type Rejection, reject } from "./rejection.ts";
import { shownPath } from "./shown-path.ts";
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
