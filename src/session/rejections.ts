import { type Rejection, reject } from "../token/rejection.ts";
import type { EndReason } from "./view/held.ts";

export const { rejection: TOO_MANY_SESSIONS } = reject(
  "TOO_MANY_SESSIONS",
  "as many sessions are open as the token allows",
);

/** A profile can't count a token without the claims that its `sessions` name. */
export const { rejection: NO_SLOT } = reject(
  "TOO_MANY_SESSIONS",
  "the token allows no session: it does not say how many, or for whom",
);

export const { rejection: SESSION_ENDED } = reject("SESSION_ENDED", "the session has ended");

/** What a client is shown when the service has ended its session. */
export const END_REJECTIONS: Readonly<Record<EndReason, Rejection>> = {
  REVOKED: reject("REVOKED", "the token was revoked").rejection,
  KEY_REVOKED: reject("KEY_REVOKED", "the key of the token was revoked").rejection,
  SESSION_ENDED,
};
