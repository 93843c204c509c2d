import { memberAt } from "../profile/model/member.ts";
import type { Profile } from "../profile/model/profile.ts";
import type { SessionRule } from "../profile/model/sessions.ts";
import { resolveAliases } from "../token/claims/aliases.ts";
import type { Verdict } from "../token/verify/verify.ts";
import type { CounterName } from "./ids.ts";

/** What a token takes when a session is opened with it. */
export interface Slot {
  readonly counter: CounterName;
  /** Undefined: any number. */
  readonly limit: number | undefined;
}

type ValidToken = Extract<Verdict, { readonly valid: true }>;

/** The counter and the limit of a valid token; undefined where it lacks a claim that says them: it opens no session. */
export function slotOf(
  { name: profile, aliases }: Profile,
  { limit, by }: SessionRule,
  tenant: string,
  token: ValidToken,
): Slot | undefined {
  const { claims } = resolveAliases(token.claims, aliases);
  const value = by === "token" ? token.tokenId : by === "subject" ? token.subject : textOf(memberAt(claims, by));
  const most = typeof limit === "object" ? memberAt(claims, limit) : limit;
  if (value === undefined || (most !== undefined && typeof most !== "number")) return undefined;
  if (typeof limit === "object" && most === undefined) return undefined;
  const counted = typeof by === "string" ? by : JSON.stringify(by);
  return { counter: { profile, tenant, by: counted, value }, limit: most };
}

/** A number and the same digits as a text are two values. */
function textOf(value: unknown): string | undefined {
  return typeof value === "string" || Number.isSafeInteger(value) ? JSON.stringify(value) : undefined;
}
