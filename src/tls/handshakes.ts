import type { Socket } from "node:net";
import type { Server } from "node:tls";

/** How long a handshake may take. Node's own limit begins again with each byte that arrives. */
const HANDSHAKE_MS = 5_000;

/** As many may be under way as this part of the connections that may be open, and at least a few. */
const SHARE = 0.25;
const LEAST = 16;

/** The TLS handshakes of a server that are under way. */
export interface Handshakes {
  /** Cuts all of them. */
  end(): void;
}

/**
 * Bounds the handshakes of a server: each is cut after 5 seconds, and one too many replaces the oldest. They have
 * places of their own, a quarter of `maxConnections`: neither can they take those of established connections, nor the
 * other way round.
 */
export function boundHandshakes(server: Server, maxConnections: number, onLimit: () => void): Handshakes {
  const most = Math.max(LEAST, Math.ceil(maxConnections * SHARE));
  // In the order in which they began.
  const underway = new Map<string, { readonly socket: Socket; readonly timer: NodeJS.Timeout }>();

  function settle(key: string): void {
    clearTimeout(underway.get(key)?.timer);
    underway.delete(key);
  }

  server.prependListener("connection", (socket: Socket) => {
    const key = endpointsOf(socket);
    underway.set(key, { socket, timer: setTimeout(() => socket.destroy(), HANDSHAKE_MS).unref() });
    socket.once("close", () => {
      if (underway.get(key)?.socket === socket) settle(key);
    });
    const [oldest] = underway.values();
    if (underway.size <= most) return;
    onLimit();
    oldest?.socket.destroy();
  });
  server.on("secureConnection", (socket) => settle(endpointsOf(socket)));
  return {
    end() {
      for (const { socket } of underway.values()) socket.destroy();
    },
  };
}

/** Of a socket and of TLS over it alike; unique among open connections. */
function endpointsOf({ localAddress, localPort, remoteAddress, remotePort }: Socket): string {
  return `${localAddress} ${localPort} ${remoteAddress} ${remotePort}`;
}
