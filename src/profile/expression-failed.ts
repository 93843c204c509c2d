/**
 * Told of an expression of a profile that fails or gives a value of the wrong type: an operator's mistake, in most cases.
 * `name` is the claim's, the warning's code, or the number of the rule in the file, from 0.
 */
export type ExpressionFailed = (kind: "claim" | "warning" | "rule", name: string) => void;

/** The same for every profile, by its name. */
export type ProfileExpressionFailed = (profile: string, ...expression: Parameters<ExpressionFailed>) => void;
