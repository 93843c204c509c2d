import type { Caller } from "../../caller.ts";
import { int32, optionalTimestamp, text, timestamp } from "../proto-json.ts";
import { encodeDenial, event, provenBy } from "./event-type.ts";

/**
 * Why a session was closed. CLOSED: its gateway closed it. REVOKED, KEY_REVOKED, SESSION_ENDED: as the service had
 * asked. NOT_HELD: its gateway did not list it. LEASE_LAPSED: its gateway did not renew its lease, or began another.
 */
export type SessionCloseReason = "CLOSED" | "REVOKED" | "KEY_REVOKED" | "SESSION_ENDED" | "NOT_HELD" | "LEASE_LAPSED";

export const SESSION_EVENTS = {
  "session.opened": event(
    "sessionOpened",
    (opened: {
      readonly profile: string;
      /** Empty where the profile has none. */
      readonly tenant: string;
      readonly sessionId: string;
      readonly tokenId: string;
      readonly keyId: string;
      readonly caller: Caller;
      readonly gatewayId: string;
      readonly connectionId: string;
      /** Empty where the token names no subject. */
      readonly subjectHash: string;
      /** How many sessions the counter holds, and may hold; 0 where the profile limits none. */
      readonly openSessions: number;
      readonly maxSessions: number;
      readonly deadline: number | undefined;
      /** Empty unless the profile shows it. */
      readonly subject: string;
    }) => ({
      profile: text(opened.profile),
      tenant: text(opened.tenant),
      sessionId: text(opened.sessionId),
      tokenId: text(opened.tokenId),
      keyId: text(opened.keyId),
      caller: text(opened.caller.name),
      gatewayId: text(opened.gatewayId),
      connectionId: text(opened.connectionId),
      subjectHash: text(opened.subjectHash),
      openSessions: int32(opened.openSessions),
      maxSessions: int32(opened.maxSessions),
      deadline: optionalTimestamp(opened.deadline),
      ...provenBy(opened.caller),
      subject: text(opened.subject),
    }),
  ),
  "session.closed": event(
    "sessionClosed",
    (closed: {
      readonly profile: string;
      readonly tenant: string;
      readonly sessionId: string;
      readonly keyId: string;
      /** Of the gateway. Without a proof where it did not call: its lease has lapsed. */
      readonly caller: Caller | { readonly name: string; readonly proof: ""; readonly address: "" };
      readonly gatewayId: string;
      readonly reason: SessionCloseReason;
      readonly openedAt: number;
    }) => ({
      profile: text(closed.profile),
      tenant: text(closed.tenant),
      sessionId: text(closed.sessionId),
      keyId: text(closed.keyId),
      caller: text(closed.caller.name),
      gatewayId: text(closed.gatewayId),
      reason: text(closed.reason),
      openedAt: timestamp(closed.openedAt),
      ...provenBy(closed.caller),
    }),
  ),
  "session.refused": event("sessionRefused", encodeDenial),
};
