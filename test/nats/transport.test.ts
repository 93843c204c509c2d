import type { Socket } from "node:net";
import type { ExecutionContext } from "ava";
import type { ConnectionOptions } from "nats";
import { NatsLink } from "../../src/nats/link.ts";
import { Transport } from "../../src/nats/transport.ts";
import { startNats, testWithNats } from "../support/nats/nats-server.ts";
import { startSecureNats } from "../support/nats/secure-nats.ts";
import { startTcpProxy, type TcpProxy } from "../support/nats/tcp-proxy.ts";
import { waitUntil } from "../support/wait-until.ts";

/** A way to a server that freezes, how it is dialled, and whether a client of the library waits for more of it. */
interface Frozen {
  readonly proxy: TcpProxy;
  readonly options: ConnectionOptions;
  readonly isReached: () => boolean;
}

const INFO = /^INFO .*\r\n/;
const CLIENT_HELLO = "\x16\x03\x01";
/** The end of a client's part in the handshake of TLS 1.3: from here on its records are encrypted. */
const FINISHED = "\x14\x03\x03\x00\x01\x01\x17\x03\x03";

const FROZEN: Readonly<Record<string, (t: ExecutionContext) => Promise<Frozen>>> = {
  async "after its first words"(t) {
    const proxy = await startTcpProxy(t, (await startNats(t)).url, (said) => INFO.exec(said)?.[0] ?? "");
    return { proxy, options: {}, isReached: () => proxy.sent("PING\r\n") > 0 };
  },
  async "before its first words, with TLS"(t) {
    const { server, options } = await secure(t);
    const proxy = await startTcpProxy(t, server.url);
    server.pause();
    return { proxy, options, isReached: () => proxy.clients() > 0 };
  },
  async "before the handshake of TLS"(t) {
    const { server, options } = await secure(t);
    const proxy = await startTcpProxy(t, server.url, (said) => INFO.exec(said)?.[0] ?? "");
    return { proxy, options, isReached: () => proxy.sent(CLIENT_HELLO) > 0 };
  },
  async "after the handshake of TLS"(t) {
    const { server, options } = await secure(t);
    const proxy: TcpProxy = await startTcpProxy(t, server.url, (said) => (proxy.sent(FINISHED) > 0 ? "" : said));
    return { proxy, options, isReached: () => proxy.sent(FINISHED) > 0 };
  },
};

async function secure(t: ExecutionContext) {
  const server = await startSecureNats(t);
  return { server, options: { tls: { caFile: server.ca } } };
}

for (const [when, freeze] of Object.entries(FROZEN)) {
  testWithNats(`an attempt that is given up keeps no socket to a server that froze ${when}`, async (t) => {
    const { proxy, options, isReached } = await freeze(t);
    const { hostname, port } = new URL(proxy.url);
    const over = new AbortController();
    const transport = new Transport();
    const server = { hostname, port: Number(port), tlsName: "" };
    let isConnected = false;
    // Nothing but the signal ends it: the bound of an attempt is the connection's.
    const ended = transport.connect(server, { ...options, over: over.signal }).then(
      () => {
        isConnected = true;
        return transport.closed();
      },
      () => undefined,
    );
    await waitUntil("it waits for the server", () => isConnected || isReached());
    over.abort();
    await ended;
    await waitUntil("its socket is closed", () => proxy.clients() === 0);
    t.pass();
  });

  testWithNats(`a stop ends the first attempt, to a server that froze ${when}`, async (t) => {
    const { proxy, options, isReached } = await freeze(t);
    const reports: string[] = [];
    const link = new NatsLink({ ...options, servers: proxy.url }, ({ type }) => void reports.push(type));
    await waitUntil("it waits for the server", isReached);
    await link.close(1000);
    await waitUntil("its socket is closed", () => proxy.clients() === 0);
    t.deepEqual(reports, []);
  });
}

testWithNats("a write that fails over TLS closes the transport, and is no error that ends the process", async (t) => {
  const { server, options } = await secure(t);
  const { hostname, port } = new URL(server.url);
  let below: Socket | undefined;
  class Observed extends Transport {
    override async dial(address: { readonly hostname: string; readonly port: number }): Promise<Socket> {
      below = await super.dial(address);
      return below;
    }
  }
  const transport = new Observed();
  await transport.connect({ hostname, port: Number(port), tlsName: "" }, options);
  below?.destroy();
  for (let frame = 0; frame < 3; frame++) transport.send(Buffer.from("PING\r\n"));
  await transport.closed();
  t.true(transport.isClosed);
});
