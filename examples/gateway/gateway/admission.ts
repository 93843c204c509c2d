import { randomUUID } from "node:crypto";
import type { VerifyTokenRequest, VerifyTokenResponse } from "../gen/signet/v1/token.ts";
import type { EndConnection } from "../signet/held-sessions.ts";
import type { GatewayProfile } from "../signet/profiles.ts";
import type { SessionConnection } from "../signet/sessions.ts";
import type { Gateway } from "./gateway.ts";

/** The verdict on the token of a connection, and the session where the profile has sessions. */
export interface Admission {
  readonly verdict: VerifyTokenResponse;
  readonly connection: SessionConnection | undefined;
  readonly openSessions: number;
  readonly maxSessions: number;
  readonly deadline: Date | undefined;
}

/**
 * Decides whether a connection may be open: as a session where the profile has sessions, so that it closes when its
 * token is revoked, and by a verification alone where it has none.
 */
export async function admit(
  { signet, sessions }: Pick<Gateway, "signet" | "sessions">,
  profile: GatewayProfile,
  verification: VerifyTokenRequest,
  endConnection: EndConnection,
): Promise<Admission> {
  if (profile.sessions === undefined) {
    const verdict = await signet.verifyToken(verification);
    return { verdict, connection: undefined, openSessions: 0, maxSessions: 0, deadline: verdict.sessionDeadline };
  }
  const opened = await sessions.open(verification, randomUUID(), endConnection);
  if (opened.verification === undefined) throw new Error("OpenSession answered without a verdict");
  const { verification: verdict, connection, openSessions, maxSessions, session } = opened;
  return { verdict, connection, openSessions, maxSessions, deadline: session?.deadline };
}
