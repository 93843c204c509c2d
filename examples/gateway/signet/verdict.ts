import { type Rejection, RejectionReason } from "../gen/signet/v1/token.ts";

const PREFIX = "REJECTION_REASON_";

const names = new Map<number, string>(
  Object.entries(RejectionReason).map(([name, value]) => [value, name.slice(PREFIX.length)]),
);

/** The name of the reason, such as `EXPIRED`: for logs and for clients. */
export function reasonOf({ reason }: Rejection): string {
  return names.get(reason) ?? "UNKNOWN";
}
