import { isDeepStrictEqual } from "node:util";
import type { Profile } from "../../profile/model/profile.ts";
import { type Rejection, reject } from "../rejection.ts";
import type { Json, JsonObject } from "./strict-json.ts";

/** The claims of a token by the profile's own names. */
export interface Resolved {
  readonly claims: JsonObject;
  /** Set when a claim is there under several names with different values. */
  readonly conflict: Rejection | undefined;
}

/** Puts every claim that goes by another of its names under its own, which wins when both are there. */
export function resolveAliases(shown: JsonObject, aliases: Profile["aliases"]): Resolved {
  if (aliases.length === 0) return { claims: shown, conflict: undefined };
  const claims: Record<string, Json> = { ...shown };
  let conflict: Rejection | undefined;
  for (const { claim, names } of aliases) {
    const there = [claim, ...names].filter((name) => Object.hasOwn(shown, name));
    const values = there.map((name) => shown[name] as Json);
    const [value] = values;
    if (value === undefined) continue;
    if (!values.every((other) => isDeepStrictEqual(other, value)))
      conflict ??= reject("CLAIM_CONFLICT", `${there.join(" and ")} are names of one claim and differ`).rejection;
    for (const name of names) delete claims[name];
    claims[claim] = value;
  }
  return { claims, conflict };
}
