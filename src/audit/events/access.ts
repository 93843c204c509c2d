import { int64, text } from "../proto-json.ts";
import { type Denial, event, type Party, provenBy } from "./event-type.ts";

export const ACCESS_EVENTS = {
  "access.denied": event("accessDenied", encodeRefusal),
  "access.would_deny": event("accessWouldDeny", encodeDifference),
  "access.would_allow": event("accessWouldAllow", encodeDifference),
  "admin.failed": event("adminFailed", encodeRefusal),
};

/** Of calls of a method. */
interface Refusal extends Denial {
  /** Empty for a caller that is not proven, or that has too many calls or connections open. */
  readonly method: string;
}

interface Difference {
  readonly method: string;
  /** Empty when the profile is unknown or the call names none. */
  readonly profile: string;
  readonly caller: Party;
  /** The group of the rule that allows the call, in the one policy or the other. */
  readonly group: string;
  readonly count: number;
}

function encodeRefusal(refusal: Refusal) {
  return {
    method: text(refusal.method),
    profile: text(refusal.profile),
    caller: text(refusal.caller.name),
    reason: text(refusal.reason),
    count: int64(refusal.count),
    ...provenBy(refusal.caller),
  };
}

function encodeDifference(difference: Difference) {
  return {
    method: text(difference.method),
    profile: text(difference.profile),
    caller: text(difference.caller.name),
    group: text(difference.group),
    count: int64(difference.count),
    ...provenBy(difference.caller),
  };
}
