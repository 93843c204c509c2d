import type { Ending } from "../support/service/shared.ts";
import { waitUntil } from "../support/wait-until.ts";

/** How a gateway closed a connection. */
interface Close {
  readonly code: number;
  readonly reason: string;
}

/** A client's connection to a gateway. */
export interface Socket {
  /** Every message so far. */
  readonly messages: readonly string[];
  /** Undefined while the connection is open. */
  readonly closed: Close | undefined;
  send(text: string): void;
  /** Resolves when there are so many messages, or when the connection is closed. */
  untilMessages(count: number): Promise<void>;
  untilClosed(): Promise<Close>;
  /** Closes the connection. Resolves when the gateway has agreed. */
  close(): Promise<void>;
}

/** Connects to a path of a gateway. Resolves after the handshake; the gateway may close the connection right then. */
export async function connectTo(t: Ending, gateway: string, path: string): Promise<Socket> {
  const socket = new WebSocket(`${gateway.replace(/^http/, "ws")}${path}`);
  const messages: string[] = [];
  let closed: Close | undefined;
  socket.addEventListener("message", ({ data }) => messages.push(String(data)));
  socket.addEventListener("close", ({ code, reason }) => {
    closed = { code, reason };
  });
  t.teardown(() => socket.close());
  await new Promise((resolve, reject) => {
    socket.addEventListener("open", resolve);
    socket.addEventListener("error", () => reject(new Error("the gateway refused the handshake")));
  });
  async function untilClosed(): Promise<Close> {
    await waitUntil("the connection is closed", () => closed !== undefined);
    if (closed === undefined) throw new Error("the connection is open");
    return closed;
  }
  return {
    messages,
    get closed() {
      return closed;
    },
    send: (text) => socket.send(text),
    untilMessages: (count) =>
      waitUntil(`${count} messages, or the end`, () => messages.length >= count || closed !== undefined),
    untilClosed,
    async close() {
      socket.close();
      await untilClosed();
    },
  };
}
