import { getEventListeners, once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { setImmediate as turn } from "node:timers/promises";
import test from "ava";
import { pause } from "../../src/async/timeout.ts";
import { type LinkReport, NatsLink } from "../../src/nats/link.ts";
import { HANGS_MS } from "../support/bounded.ts";
import { serialTestWithNats, startNats, testWithNats } from "../support/nats/nats-server.ts";
import { startTcpProxy } from "../support/nats/tcp-proxy.ts";
import { freePort } from "../support/service/free-port.ts";
import { waitUntil } from "../support/wait-until.ts";

/** Options that may be used at once, by whatever they connect to. */
const UNCHECKED = { obstacle: () => undefined, prove: async () => {}, certificate: undefined };

const nowhere = async () => ({ servers: `nats://127.0.0.1:${await freePort()}` });

test("a server that is away from the start is one report, however often it is dialled", async (t) => {
  const reports: LinkReport[] = [];
  const waits: number[] = [];
  const link = new NatsLink(
    await nowhere(),
    (report) => void reports.push(report),
    async (ms) => {
      waits.push(ms);
      await turn();
    },
  );
  await waitUntil("it was dialled 30 times", () => waits.length >= 30);
  await link.close(1000);
  t.like(reports, { 0: { type: "down" }, length: 1 });
  t.true(waits.every((ms) => ms >= 250 && ms <= 5000));
  t.true((waits[0] ?? 0) <= 500, "the first try again comes soon");
  t.true(Math.max(...waits.slice(5)) > 1000, "later ones come seldom");
});

// Serial, and with the real waiting: it watches all abort signals of this thread.
test.serial("dialling again leaves no listener behind", async (t) => {
  const signals = new Set<AbortSignal>();
  let waits = 0;
  const { addEventListener } = EventTarget.prototype;
  t.teardown(() => Object.assign(EventTarget.prototype, { addEventListener }));
  EventTarget.prototype.addEventListener = function (this: EventTarget, ...args: Parameters<typeof addEventListener>) {
    if (this instanceof AbortSignal) signals.add(this);
    addEventListener.apply(this, args);
  };
  const link = new NatsLink(
    await nowhere(),
    () => undefined,
    (ms, signal) => {
      waits += 1;
      return pause(ms, signal);
    },
  );
  await waitUntil("it waited for the fourth time", () => waits >= 4);
  const left = [...signals].flatMap((signal) => getEventListeners(signal, "abort"));
  t.true(left.length <= 1, `${left.length} listeners for one waiting`);
  await link.close(1000);
});

testWithNats("each outage is one report, and so is each return", async (t) => {
  const server = await startNats(t);
  const reports: string[] = [];
  const link = new NatsLink({ servers: server.url }, ({ type }) => void reports.push(type));
  t.teardown(() => link.close(1000));
  await waitUntil("it is up", () => reports.length >= 1);
  for (const count of [2, 4]) {
    await server.kill9();
    await waitUntil("the outage is reported", () => reports.length >= count);
    await server.restart();
    await waitUntil("the return is reported", () => reports.length > count);
  }
  await link.close(1000);
  t.deepEqual(reports, ["up", "down", "up", "down", "up"], "an orderly end is no outage");
});

testWithNats("a dial that fails after renewed options have connected is no outage", async (t) => {
  const server = await startNats(t);
  const dialled = Promise.withResolvers<Socket>();
  const accept = (socket: Socket) => dialled.resolve(socket.on("error", () => undefined));
  const silent = createServer(accept).listen(0, "127.0.0.1");
  t.teardown(() => silent.close());
  await once(silent, "listening");
  const { port } = silent.address() as AddressInfo;
  const reports: string[] = [];
  const failed = Promise.withResolvers<void>();
  const link = new NatsLink(
    { servers: `nats://127.0.0.1:${port}` },
    ({ type }) => void reports.push(type),
    async () => failed.resolve(),
  );
  t.teardown(() => link.close(1000));
  const socket = await dialled.promise;
  link.renew({ options: { servers: server.url }, ...UNCHECKED });
  await link.connected(AbortSignal.timeout(HANGS_MS));
  socket.destroy();
  await failed.promise;
  t.deepEqual(reports, ["renewed"]);
  t.is(link.outage, undefined);
});

testWithNats("a replaced connection that is lost does not come back", async (t) => {
  const server = await startNats(t);
  const proxy = await startTcpProxy(t, server.url);
  const link = new NatsLink({ servers: proxy.url }, () => undefined);
  t.teardown(() => link.close(1000));
  const replaced = await link.connected(AbortSignal.timeout(HANGS_MS));
  link.renew({ options: { servers: server.url }, ...UNCHECKED });
  await waitUntil("it is replaced", () => link.connection !== replaced);
  proxy.cut();
  proxy.heal();
  await replaced.closed();
  t.is(proxy.sent("CONNECT {"), 1, "its credentials may be refused by now");
});

testWithNats("a connection that replaces another is no outage, unless that one does not answer any more", async (t) => {
  const server = await startNats(t);
  const proxy = await startTcpProxy(t, server.url);
  const link = new NatsLink({ servers: proxy.url }, () => undefined);
  t.teardown(() => link.close(1000));
  await link.connected(AbortSignal.timeout(HANGS_MS));
  const replace = async ({ url }: { readonly url: string }) => {
    const { connection, generation } = link;
    link.renew({ options: { servers: url }, ...UNCHECKED });
    await waitUntil("it is replaced", () => link.connection !== connection);
    t.is(link.generation, generation + 1);
    return link.outages;
  };
  const { outages } = link;
  t.is(await replace(server), outages);
  t.is(await replace(proxy), outages);
  proxy.hold();
  t.is(await replace(server), outages + 1, "the server may have been exchanged, and the connection not know it yet");
  await server.kill9();
  await server.restart();
  await waitUntil("it is up again", () => link.outages === outages + 2);
});

serialTestWithNats(
  "a clock that was an hour ahead when it connected does not keep it from connecting again",
  async (t) => {
    const server = await startNats(t);
    const { now } = Date;
    t.teardown(() => Object.assign(Date, { now }));
    Date.now = () => now() + 3_600_000;
    const reports: string[] = [];
    const link = new NatsLink({ servers: server.url }, ({ type }) => void reports.push(type));
    t.teardown(() => link.close(1000));
    await link.connected(AbortSignal.timeout(HANGS_MS));
    Date.now = now;
    await server.kill9();
    await waitUntil("the outage is reported", () => reports.length >= 2);
    await server.restart();
    await waitUntil("the return is reported", () => reports.length >= 3);
    t.deepEqual(reports, ["up", "down", "up"]);
  },
);

testWithNats("a renewed connection that is lost before the link listens to it comes back as a return", async (t) => {
  const server = await startNats(t);
  const [old, renewed] = [await startTcpProxy(t, server.url), await startTcpProxy(t, server.url)];
  const reports: string[] = [];
  const link = new NatsLink({ servers: old.url }, ({ type }) => {
    reports.push(type);
    if (type === "renewed") renewed.heal();
  });
  t.teardown(() => link.close(1000));
  await waitUntil("it is up", () => reports.length === 1);
  // The new connection is not used before the old one has answered, or not in time.
  old.stall();
  link.renew({ ...UNCHECKED, options: { servers: renewed.url }, prove: async () => renewed.cut() });
  await waitUntil("it is back", () => reports.length === 3);
  t.deepEqual(reports, ["up", "renewed", "up"]);
});
