import { getEventListeners } from "node:events";
import { setImmediate as turn } from "node:timers/promises";
import test from "ava";
import { type LinkReport, NatsLink } from "../../src/nats/link.ts";
import { serialTestWithNats, startNats, testWithNats } from "../support/nats/nats-server.ts";
import { freePort } from "../support/service/free-port.ts";
import { waitUntil } from "../support/wait-until.ts";

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
  let added = 0;
  const { addEventListener } = EventTarget.prototype;
  t.teardown(() => Object.assign(EventTarget.prototype, { addEventListener }));
  EventTarget.prototype.addEventListener = function (this: EventTarget, ...args: Parameters<typeof addEventListener>) {
    if (this instanceof AbortSignal) {
      signals.add(this);
      added += 1;
    }
    addEventListener.apply(this, args);
  };
  const link = new NatsLink(await nowhere(), () => undefined);
  await waitUntil("it waited for the fourth time", () => added >= 4);
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
    await link.connected(AbortSignal.timeout(10_000));
    Date.now = now;
    await server.kill9();
    await waitUntil("the outage is reported", () => reports.length >= 2);
    await server.restart();
    await waitUntil("the return is reported", () => reports.length >= 3);
    t.deepEqual(reports, ["up", "down", "up"]);
  },
);
