import type { IncomingMessage } from "node:http";
import type { WebSocket } from "ws";
import { VerifyTokenRequest } from "../gen/signet/v1/token.ts";
import { addressOf } from "../web/http.ts";
import { log } from "../web/log.ts";
import { type Admission, admit } from "./admission.ts";
import { carrierOf } from "./carrier.ts";
import type { Gateway } from "./gateway.ts";
import { send, shutInDoubt, shutRejected } from "./sockets.ts";

const VENDOR = "euler-stream";
const EVERY_MS = 2_000;

/** `wss://ws.eulerstream.com?uniqueId=…&jwtKey=…`: one connection for the events of one creator. */
export async function connectEuler(socket: WebSocket, request: IncomingMessage, gateway: Gateway): Promise<void> {
  const uniqueId = addressOf(request).searchParams.get("uniqueId");
  try {
    const profile = await gateway.profiles.get(VENDOR);
    const verification = VerifyTokenRequest.fromPartial({
      profile: VENDOR,
      credential: { $case: "carrier", value: carrierOf(request, profile.carriers) },
      // What is missing or malformed is for the profile to judge: close code 4400.
      context: uniqueId === null ? {} : { uniqueId },
    });
    const admission = await admit(gateway, profile, verification, (rejection) =>
      shutRejected(socket, VENDOR, rejection),
    );
    const { rejection } = admission.verdict;
    if (rejection === undefined) serve(socket, admission, uniqueId ?? "");
    else shutRejected(socket, VENDOR, rejection);
  } catch (error) {
    shutInDoubt(socket, VENDOR, error);
  }
}

/** Sends events for as long as the session is open. */
function serve(socket: WebSocket, { connection, openSessions, maxSessions, deadline }: Admission, uniqueId: string) {
  log("opened", { vendor: VENDOR, openSessions, maxSessions });
  send(socket, { type: "session", openSessions, maxSessions, deadline });
  let number = 0;
  const events = setInterval(() => {
    if (connection?.isOpen()) send(socket, { type: "chat", uniqueId, number: ++number });
  }, EVERY_MS);
  const ended = () => {
    clearInterval(events);
    connection?.close();
  };
  socket.on("message", () => connection?.touch());
  // The client may have gone while its session was opened.
  if (socket.readyState === socket.CLOSED) ended();
  else socket.once("close", ended);
}
