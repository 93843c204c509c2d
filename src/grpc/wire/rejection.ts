import { type Rejection as RejectionMessage, rejectionReasonFromJSON } from "../../gen/signet/v1/token.ts";
import type { Profile } from "../../profile/model/profile.ts";
import type { Rejection } from "../../token/rejection.ts";

/** A rejection with what the profile shows for it. `framed`: whether the client has frames. */
export function rejectionMessage(
  { reason, message }: Rejection,
  profile: Pick<Profile, "surfaces"> | undefined,
  framed: boolean,
): RejectionMessage {
  const surface = profile?.surfaces.byReason.get(reason) ?? profile?.surfaces.other;
  return {
    reason: rejectionReasonFromJSON(`REJECTION_REASON_${reason}`),
    message,
    httpStatus: surface?.httpStatus ?? 0,
    wwwAuthenticate: surface?.wwwAuthenticate ?? "",
    websocketCloseCode: surface?.closeCode ?? 0,
    frame: framed ? (surface?.frame(message) ?? "") : "",
    websocketCloseReason: surface?.closeReason ?? "",
  };
}
