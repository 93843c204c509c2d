import { EventEmitter, once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import test, { type ExecutionContext } from "ava";
import { connect, type NatsConnection } from "nats";
import { NatsLink } from "../../src/nats/link.ts";
import { HANGS_MS } from "../support/bounded.ts";
import { startNats, testWithNats } from "../support/nats/nats-server.ts";
import { startTcpProxy } from "../support/nats/tcp-proxy.ts";
import { freePort } from "../support/service/free-port.ts";
import { waitUntil } from "../support/wait-until.ts";

/** A server that can be asked for the number of its clients. */
async function startCountedNats(t: ExecutionContext) {
  const port = await freePort();
  const server = await startNats(t, { flags: ["-m", String(port)] });
  const count = async () => {
    const answer = await fetch(`http://127.0.0.1:${port}/connz`, { signal: AbortSignal.timeout(HANGS_MS) });
    return Number(Object(await answer.json()).num_connections);
  };
  return { ...server, count };
}

/** A link, and the types of what it reports. */
function openLink(t: ExecutionContext, { url }: { readonly url: string }) {
  const reports: string[] = [];
  const pauses: number[] = [];
  const link = new NatsLink(
    { servers: url },
    ({ type }) => void reports.push(type),
    async (ms) => void pauses.push(ms),
  );
  t.teardown(() => link.close(1000));
  return { link, reports, pauses, up: () => link.connected(AbortSignal.timeout(HANGS_MS)) };
}

/** How often a connection was dialled again. */
function attemptsOf(connection: NatsConnection): () => number {
  let attempts = 0;
  const count = async () => {
    for await (const { type } of connection.status()) if (type === "reconnecting") attempts += 1;
  };
  void count();
  return () => attempts;
}

/** A server that takes connections, and never says a word. */
async function startSilent(t: ExecutionContext) {
  const sockets: Socket[] = [];
  const server = createServer((socket) => void sockets.push(socket.on("error", () => undefined).resume()));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.teardown(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  const { port } = server.address() as AddressInfo;
  return { url: `nats://127.0.0.1:${port}`, sockets };
}

testWithNats("a server that was frozen has one client once it goes on, after attempts of a new link", async (t) => {
  const server = await startCountedNats(t);
  server.pause();
  const { link, reports, pauses, up } = openLink(t, server);
  await waitUntil("two attempts were given up", () => pauses.length >= 2);
  server.resume();
  await up();
  await waitUntil("it is the only client", async () => (await server.count()) === 1);
  t.deepEqual(reports, ["down", "up"]);
  await link.close(1000);
  await waitUntil("there is no client", async () => (await server.count()) === 0);
});

testWithNats("a server that was frozen has one client once it goes on, after attempts to reconnect", async (t) => {
  const server = await startCountedNats(t);
  const proxy = await startTcpProxy(t, server.url);
  const { link, reports, up } = openLink(t, proxy);
  const attempts = attemptsOf(await up());
  server.pause();
  proxy.cut();
  proxy.heal();
  await waitUntil("two attempts were given up", () => attempts() >= 3);
  server.resume();
  await up();
  await waitUntil("it is the only client", async () => (await server.count()) === 1);
  t.deepEqual(reports, ["up", "down", "up"]);
  await link.close(1000);
  await waitUntil("there is no client", async () => (await server.count()) === 0);
});

testWithNats("attempts that a server began to answer are one return, too", async (t) => {
  const server = await startNats(t);
  let isMute = false;
  const proxy = await startTcpProxy(t, server.url, (said) => (isMute ? said.replaceAll("PONG\r\n", "") : said));
  const { reports, up } = openLink(t, proxy);
  await up();
  isMute = true;
  proxy.cut();
  proxy.heal();
  await waitUntil("two attempts were given up", () => proxy.sent("CONNECT {") >= 4);
  isMute = false;
  const connection = await up();
  await connection.flush();
  t.deepEqual(reports, ["up", "down", "up"]);
});

test("a server that does not answer is said to refuse a certificate only where there is TLS", async (t) => {
  const { url } = await startSilent(t);
  for (const [options, outage] of [
    [{}, "no answer in time"],
    [{ tls: {} }, "no answer in time, as from a server that refuses this client's certificate"],
  ] as const) {
    const link = new NatsLink({ servers: url, ...options }, () => undefined);
    t.teardown(() => link.close(1000));
    await waitUntil("the attempt was given up", () => link.outage !== undefined);
    t.is(link.outage, outage);
  }
});

test("a stop ends the first attempt, which no server answers", async (t) => {
  const { url, sockets } = await startSilent(t);
  const { link, reports } = openLink(t, { url });
  await waitUntil("it was dialled", () => sockets.length > 0);
  await link.close(1000);
  await waitUntil("the attempt has ended", () => sockets.every(({ closed }) => closed));
  t.deepEqual(reports, []);
});

testWithNats("a stop ends an attempt to reconnect, and one to renew, which no server answers", async (t) => {
  const server = await startCountedNats(t);
  const { url, sockets } = await startSilent(t);
  const proxy = await startTcpProxy(t, server.url);
  const { link, reports, up } = openLink(t, proxy);
  const attempts = attemptsOf(await up());
  link.renew({ options: { servers: url }, obstacle: () => undefined, prove: async () => {}, certificate: undefined });
  await waitUntil("the renewed options were dialled", () => sockets.length > 0);
  server.pause();
  proxy.cut();
  proxy.heal();
  await waitUntil("the old ones were dialled", () => attempts() > 0);
  await link.close(1000);
  server.resume();
  await waitUntil("there is no client", async () => (await server.count()) === 0);
  await waitUntil("the attempt to renew has ended", () => sockets.every(({ closed }) => closed));
  t.deepEqual(reports, ["up", "down"]);
});

testWithNats("a connection is found dead, however much it has still to send", async (t) => {
  const server = await startNats(t);
  const proxy = await startTcpProxy(t, server.url);
  const { reports, up } = openLink(t, proxy);
  const connection = await up();
  proxy.stall();
  for (let count = 0; count < 32; count += 1) connection.publish("unused", Buffer.alloc(1_000_000));
  await waitUntil("the outage is reported", () => reports.includes("down"));
  t.deepEqual(reports, ["up", "down"]);
});

testWithNats("a connection of somebody else in the same thread comes back, too", async (t) => {
  const server = await startNats(t);
  // The library has one kind of transport in a thread: that of the link is in force when this one is dialled again.
  const others = await connect({ servers: server.url, reconnectTimeWait: 50, maxReconnectAttempts: -1 });
  t.teardown(() => others.close());
  await openLink(t, server).up();
  const back = once(statusesOf(others), "reconnect");
  await server.kill9();
  await server.restart();
  await back;
  await t.notThrowsAsync(others.flush());
});

/** Tells each status of a connection as an event. */
function statusesOf(connection: NatsConnection): EventEmitter {
  const statuses = new EventEmitter();
  const tell = async () => {
    for await (const { type } of connection.status()) statuses.emit(type);
  };
  void tell();
  return statuses;
}
