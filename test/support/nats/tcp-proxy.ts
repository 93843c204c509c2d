import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import type { ExecutionContext } from "ava";

export interface TcpProxy {
  readonly url: string;
  /** Closes all connections and refuses new ones until {@link heal}. */
  cut(): void;
  heal(): void;
  /** Holds back the data of the server until {@link release}. */
  hold(): void;
  /** Holds back all data until {@link release}: no connection ends, as where every packet is lost. */
  stall(): void;
  release(): void;
  /** How many times the clients have sent this text. */
  sent(text: string): number;
  /** How many clients have an open connection. */
  clients(): number;
}

/** A TCP proxy that a test can make fail. `rewrite` changes the data of the server. */
export async function startTcpProxy(
  t: Pick<ExecutionContext<unknown>, "teardown">,
  target: string,
  rewrite: (said: string) => string = (said) => said,
): Promise<TcpProxy> {
  const { hostname, port } = new URL(target);
  const pairs = new Map<Socket, Socket>();
  let whole = true;
  let held = false;
  let stalled = false;
  let fromClients = "";
  const server = createServer((client) => {
    if (!whole) return void client.destroy();
    const upstream = connect(Number(port), hostname);
    pairs.set(client, upstream);
    upstream.on("data", (data) => void client.write(rewrite(data.toString("latin1")), "latin1"));
    if (held) upstream.pause();
    client.on("data", (data) => {
      fromClients += data.toString("latin1");
      upstream.write(data);
    });
    if (stalled) client.pause();
    const end = () => {
      pairs.delete(client);
      client.destroy();
      upstream.destroy();
    };
    for (const socket of [client, upstream]) socket.on("error", end).on("close", end);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const cut = () => {
    whole = false;
    for (const client of pairs.keys()) client.destroy();
  };
  t.teardown(() => {
    cut();
    server.close();
  });
  const address = server.address();
  const hold = () => {
    held = true;
    for (const upstream of pairs.values()) upstream.pause();
  };
  return {
    url: `nats://127.0.0.1:${typeof address === "object" && address !== null ? address.port : 0}`,
    cut,
    heal: () => {
      whole = true;
    },
    hold,
    stall: () => {
      hold();
      stalled = true;
      for (const client of pairs.keys()) client.pause();
    },
    release: () => {
      held = stalled = false;
      for (const socket of [...pairs].flat()) socket.resume();
    },
    sent: (text) => fromClients.split(text).length - 1,
    clients: () => pairs.size,
  };
}
