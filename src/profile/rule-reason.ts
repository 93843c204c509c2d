/** The reasons that a profile's own rules may reject with. */
export type RuleReason = "NOT_PERMITTED" | "CONTEXT_INVALID";
