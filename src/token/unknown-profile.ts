import { invalidRequest, Problem } from "./problem.ts";

/** The same for a profile that does not exist and for one that the caller may not use. */
export function unknownProfile(name: string): Problem {
  if (name === "") return invalidRequest([{ field: "profile", description: "is required" }]);
  return new Problem("PROFILE_NOT_FOUND", "there is no such profile, or it is not allowed");
}
