import type { ProfileSet } from "../profile/keysets.ts";
import type { Policy } from "./policy.ts";

/** Profiles and the policies that were checked against them: they change together or not at all. */
export interface RuleSet extends ProfileSet {
  readonly policy: Policy;
  /** Decides beside the policy, and changes nothing. */
  readonly shadow: Policy | undefined;
}
