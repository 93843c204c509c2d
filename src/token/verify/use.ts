import type { FieldViolation } from "../../problem/problem.ts";
import type { Profile } from "../../profile/model/profile.ts";
import type { OnExpressionError } from "../../profile/model/rules.ts";
import { cutPathText } from "../claims/accept.ts";
import type { JsonObject } from "../claims/strict-json.ts";
import { isSameNetwork } from "../ip-address.ts";
import { checkLimits } from "../issue/request-object.ts";
import { type Rejection, reject } from "../rejection.ts";
import { IP_MISMATCH } from "../warnings.ts";

/** How a client uses its token, and the profile that decides whether it may. */
interface Use {
  readonly profile: Pick<Profile, "ip" | "context" | "rules">;
  readonly context: Readonly<Record<string, unknown>>;
}

interface JudgedUse extends Use {
  readonly onExpressionError: OnExpressionError;
}

/**
 * Checks whether the client may use the token: its address, the context, the profile's rules. `claims`: aliases
 * resolved.
 */
export function checkUse(
  claims: JsonObject,
  { profile, context, onExpressionError }: JudgedUse,
): Rejection | undefined {
  if (profile.ip?.mode === "enforce" && (context.ip === undefined || isElsewhere(claims, { profile, context })))
    return reject("IP_MISMATCH", IP_MISMATCH.message).rejection;
  const fault = contextFault(context, profile);
  if (fault !== undefined) return reject("CONTEXT_INVALID", fault).rejection;
  for (const [index, { holds, reason, message }] of profile.rules.entries()) {
    const result = holds({ claims, context });
    if (typeof result === "object") onExpressionError("rule", String(index), result);
    if (result !== true) return reject(reason, message).rejection;
  }
  return undefined;
}

/** What is wrong with the context, by the limits of every profile, then by the schema of this one. */
function contextFault(context: Use["context"], { context: check }: Use["profile"]): string | undefined {
  if (check === undefined) return undefined;
  const beyond: FieldViolation[] = [];
  checkLimits(context, "context", beyond);
  const [limit] = beyond;
  if (limit !== undefined) return `${limit.field} ${limit.description}`;
  const [fault] = check(context);
  return fault && `${cutPathText(["context", ...fault.path])} ${fault.message}`;
}

/** Whether the client's address is known, and outside the network of the token's address. */
export function isElsewhere(claims: JsonObject, { profile: { ip }, context }: Use): boolean {
  if (ip === undefined || context.ip === undefined) return false;
  return typeof context.ip !== "string" || !isSameNetwork(claims[ip.claim], context.ip, ip.prefix);
}
