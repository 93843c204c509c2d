import { isDeepStrictEqual } from "node:util";
import type { Profile } from "../../profile/model/profile.ts";
import { type Rejection, reject } from "../rejection.ts";
import type { Json, JsonObject } from "./strict-json.ts";

/** The claims of a token under the names of the profile. */
export interface Resolved {
  readonly claims: JsonObject;
  /** Set when one claim occurs under several names with different values. */
  readonly conflict: Rejection | undefined;
}

/** Renames every claim that the token has under an alias. If it is there under its own name too, that value wins. */
export function resolveAliases(own: JsonObject, aliases: Profile["aliases"]): Resolved {
  if (aliases.length === 0) return { claims: own, conflict: undefined };
  const claims: Record<string, Json> = { ...own };
  let conflict: Rejection | undefined;
  for (const { claim, names } of aliases) {
    const present = [claim, ...names].filter((name) => Object.hasOwn(own, name));
    const values = present.map((name) => own[name] as Json);
    const [value] = values;
    if (value === undefined) continue;
    if (!values.every((other) => isDeepStrictEqual(other, value)))
      conflict ??= reject(
        "CLAIM_CONFLICT",
        `${present.join(" and ")} are names of one claim, and have different values`,
      ).rejection;
    for (const name of names) delete claims[name];
    claims[claim] = value;
  }
  return { claims, conflict };
}
