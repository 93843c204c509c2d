import type { Server } from "node:http";
import type { Socket } from "node:net";
import { Server as TlsServer } from "node:tls";

/**
 * Keeps at most `limit` connections of the server open: one too many replaces the one whose last request, or whose
 * beginning, is longest ago. If it were refused instead, silent clients could shut out all others.
 * A connection over TLS begins when its handshake is over.
 */
export function keepRecentConnections(server: Server, limit: number, onLimit: () => void): void {
  // In the order of their last use.
  const sockets = new Set<Socket>();
  const use = (socket: Socket) => {
    if (sockets.delete(socket)) sockets.add(socket);
  };
  server.on(server instanceof TlsServer ? "secureConnection" : "connection", (socket: Socket) => {
    const [oldest] = sockets;
    if (oldest && sockets.size >= limit) {
      onLimit();
      sockets.delete(oldest);
      oldest.destroy();
    }
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });
  server.on("request", ({ socket }, response) => {
    use(socket);
    response.once("close", () => use(socket));
  });
}
