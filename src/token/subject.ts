import type { Profile } from "../profile/model/profile.ts";

/** The subject of a token by its claims, aliases resolved. Undefined: it has none, as an empty one says. */
export function subjectOf(
  claims: Readonly<Record<string, unknown>>,
  { subjectClaim }: Pick<Profile, "subjectClaim">,
): string | undefined {
  const subject = claims[subjectClaim];
  return typeof subject === "string" && subject !== "" ? subject : undefined;
}
