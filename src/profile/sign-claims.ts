import type { ClaimRule, ClaimSource, Profile } from "./profile.ts";

/** The value of each source for one token. Times in Unix seconds. */
export type ClaimValues = Readonly<Record<ClaimSource, unknown>>;

/** The claims of one token: as the JSON text that is signed, and as an object for the answer. */
export interface SignedClaims {
  readonly text: string;
  readonly object: Record<string, unknown>;
}

/**
 * Maps a request to the claims that are signed. The top level keeps the profile's order; what a caller brought is sorted
 * by name on every level, because the order of a protobuf map's entries means nothing and must not show in the signature.
 */
export function mapClaims(
  profile: Profile,
  values: ClaimValues,
  request: Readonly<Record<string, unknown>>,
): SignedClaims {
  const object: Record<string, unknown> = {};
  let text = "";
  const add = (name: string, value: unknown): void => {
    object[name] = value;
    text += `${text === "" ? "{" : ","}${JSON.stringify(name)}:${sortedJson(value)}`;
  };
  for (const claim of profile.claims) {
    if ("rest" in claim) for (const name of Object.keys(request).sort()) add(name, request[name]);
    else add(claim.name, claimValue(claim, values));
  }
  return { text: `${text}}`, object };
}

function claimValue(claim: Exclude<ClaimRule, { rest: string }>, values: ClaimValues): unknown {
  return "from" in claim ? values[claim.from] : claim.value;
}

/** Compact JSON with the members of every object sorted by name. Takes what JSON can hold; the caller has checked it. */
export function sortedJson(value: unknown): string {
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(sortedJson).join(",")}]`;
  const members = Object.keys(value)
    .sort()
    .map((name) => `${JSON.stringify(name)}:${sortedJson((value as Record<string, unknown>)[name])}`);
  return `{${members.join(",")}}`;
}
