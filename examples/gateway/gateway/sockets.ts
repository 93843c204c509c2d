import type { WebSocket } from "ws";
import type { Rejection } from "../gen/signet/v1/token.ts";
import { reasonOf } from "../signet/verdict.ts";
import { log, textOf } from "../web/log.ts";

/** RFC 6455, 7.4, and IANA's registry of close codes. */
const POLICY_VIOLATION = 1008;
const TRY_AGAIN_LATER = 1013;

/** A client that does not answer a close frame is cut off. */
const CLOSE_MS = 1_000;
/** A client that reads so slowly misses messages. */
const MOST_UNREAD_BYTES = 65_536;

export function shut(socket: WebSocket, code: number, reason: string): void {
  socket.close(code, reason);
  const cut = setTimeout(() => socket.terminate(), CLOSE_MS);
  socket.once("close", () => clearTimeout(cut));
}

/** Closes a connection as the profile shows the rejection on a WebSocket. */
export function shutRejected(socket: WebSocket, vendor: string, rejection: Rejection): void {
  const code = rejection.websocketCloseCode || POLICY_VIOLATION;
  log("closed", { vendor, reason: reasonOf(rejection), code });
  shut(socket, code, rejection.websocketCloseReason);
}

/** Closes a connection for which there is no verdict, because Signet or the lease is out of reach. */
export function shutInDoubt(socket: WebSocket, vendor: string, error: unknown): void {
  log("closed", { vendor, problem: textOf(error), code: TRY_AGAIN_LATER });
  shut(socket, TRY_AGAIN_LATER, "try again later");
}

/** Sends a message, unless the client reads too slowly. */
export function send(socket: WebSocket, message: unknown): void {
  if (socket.readyState !== socket.OPEN || socket.bufferedAmount > MOST_UNREAD_BYTES) return;
  socket.send(typeof message === "string" ? message : JSON.stringify(message));
}
