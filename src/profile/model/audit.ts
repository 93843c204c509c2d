import type { SignedClaims } from "./claims.ts";

/** What audit events say of a profile's tokens. */
export interface ProfileAudit {
  /** The claims that they show, each as a path with points, for display. */
  readonly claims: readonly string[];
  /** Whether they name a subject in clear, beside its keyed hash. */
  readonly subject: "hash" | "clear";
  /** What a token waits for: that its event is on the disk, or with `strict` in NATS as well. */
  readonly mode: "spool" | "strict";
  readonly show: ShowClaims;
}

/** The claims of a token that its event shows. */
interface ShownClaims {
  /** Undefined: none. */
  readonly claims: Readonly<Record<string, unknown>> | undefined;
  /** The paths of those that would have made the event too large. */
  readonly claimsLeftOut: readonly string[];
}

export type ShowClaims = (claims: SignedClaims) => ShownClaims;

/** How an event names a subject. Both are empty for a token that names none. */
interface SubjectInEvent {
  readonly subjectHash: string;
  /** Empty unless the profile shows it. */
  readonly subject: string;
}

/** Names the subject of a token under the profile. `hash` is its keyed hash. */
export function subjectInEvent(
  subject: string | undefined,
  { audit }: { readonly audit: Pick<ProfileAudit, "subject"> },
  hash: (subject: string) => string,
): SubjectInEvent {
  if (subject === undefined || subject === "") return { subjectHash: "", subject: "" };
  return { subjectHash: hash(subject), subject: audit.subject === "clear" ? subject : "" };
}
