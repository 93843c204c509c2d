import { once } from "node:events";
import { createConnection, type Socket } from "node:net";
import type { ConnectionOptions } from "nats";
import { NodeTransport } from "nats/lib/src/node_transport.js";

/** What a connection's transports are made with. */
export interface TransportOptions extends ConnectionOptions {
  /**
   * Aborted: the connection makes no more attempts, and ends the one that is under way. Undefined for a connection that
   * somebody else opened: the library has one kind of transport in the whole thread, and each return makes a new one.
   */
  readonly over?: AbortSignal;
}

/**
 * One attempt to connect, and what came of it. The library's own leaves the socket of an attempt open that it gave up
 * before the server said anything. Servers that were frozen take them all for clients once they go on; nobody reads
 * them, they keep the process alive, and when such a server closes one, the library believes that it lost the
 * connection in use, and connects again.
 */
export class Transport extends NodeTransport {
  readonly #givenUp = new AbortController();
  #dialled: Socket | undefined;

  override async connect(
    server: { readonly hostname: string; readonly port: number; readonly tlsName: string },
    options: TransportOptions,
  ): Promise<void> {
    const { over } = options;
    // Until it is closed: a server may freeze when it has begun to answer, and the connection is of no use yet.
    over?.addEventListener("abort", () => this.#giveUp(), { signal: this.#givenUp.signal });
    // A transport that is closed hears the signal no more.
    void this.closed().then(() => this.#giveUp());
    if (over?.aborted) this.#giveUp();
    await super.connect(server, options);
  }

  override async dial({ hostname, port }: { readonly hostname: string; readonly port: number }): Promise<Socket> {
    const { signal } = this.#givenUp;
    signal.throwIfAborted();
    const socket = createConnection(port, hostname);
    this.#dialled = socket;
    socket.setNoDelay(true);
    await once(socket, "connect", { signal });
    return socket;
  }

  override setupHandlers(): void {
    this.#givenUp.signal.throwIfAborted();
    super.setupHandlers();
    const { socket } = this;
    socket.once("close", () => ignoreErrors(socket));
  }

  override close(error?: Error): Promise<void> {
    const socket: Socket | undefined = this.socket;
    const closed = super.close(error);
    if (socket !== undefined) ignoreErrors(socket);
    this.#giveUp();
    return closed;
  }

  /** The library's own waits for the operating system to take what is pending, as it can't when the server is frozen. */
  override disconnect(): void {
    void this.close();
  }

  #giveUp(): void {
    this.#givenUp.abort();
    const socket: Socket | undefined = this.socket;
    // That of TLS first: over a socket that is destroyed, its writes would fail.
    socket?.destroy();
    this.#dialled?.destroy();
  }
}

/**
 * Once it has closed a socket, the library hears no errors of it. A TLS socket may close within the write that fails, and
 * tell the error afterwards, which would end the process.
 */
function ignoreErrors(socket: Socket): void {
  socket.on("error", () => undefined);
}
