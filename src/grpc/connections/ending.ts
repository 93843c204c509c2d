import { constants } from "node:http2";
import type { Connection } from "./connection.ts";
import type { Limit } from "./limits.ts";

/** In a GOAWAY: no stream is refused yet. */
const LAST_STREAM = 2 ** 31 - 1;

/** Tells the client to connect again for further calls. When it is still there after the grace, it is cut. */
export function endAtAge(connection: Connection, at: number, graceMs: number): void {
  const { session } = connection;
  if (connection.isEnding || session.destroyed) {
    destroy(connection);
    return;
  }
  connection.isEnding = true;
  connection.endsAt = at + graceMs;
  session.goaway(constants.NGHTTP2_NO_ERROR, LAST_STREAM, Buffer.from("max_age"));
  session.close();
}

/** How long a session may take to close, in milliseconds. */
const CLOSING_MS = 1_000;

/**
 * Cuts, a little later, a connection that grpc-js has closed because its client answers no ping, or has made no call for
 * long. Node would wait for ever until such a client ends its calls and reads what was written to it.
 */
export function endClosed(connection: Connection, at: number): void {
  connection.isEnding = true;
  connection.endsAt = at + CLOSING_MS;
}

/** Ends a connection at once because of a limit. */
export function cut(connection: Connection, limit: Limit): void {
  // A client whose place was needed has done nothing wrong, and connects again at once.
  const isCalm = limit === "grpc.max_connections";
  const code = isCalm ? constants.NGHTTP2_NO_ERROR : constants.NGHTTP2_ENHANCE_YOUR_CALM;
  if (!connection.session.destroyed) connection.session.goaway(code);
  destroy(connection);
}

/**
 * Ends a connection, whatever its client does. Node ends only the session: it waits until the client has read what was
 * written, and after an orderly close until the client closes the socket.
 */
function destroy({ session, socket }: Connection): void {
  session.destroy();
  // Not in this turn, in which the GOAWAY is written.
  setImmediate(() => socket.destroy());
}
