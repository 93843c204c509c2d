import { tempFolder } from "../support/files/temp.ts";
import { startNats, testWithNats } from "../support/nats/nats-server.ts";
import { startSecureNats } from "../support/nats/secure-nats.ts";
import { startTcpProxy, type TcpProxy } from "../support/nats/tcp-proxy.ts";
import { startRemote } from "../support/service/remote-service.ts";
import { issue } from "../support/service/service.ts";
import { waitUntil } from "../support/wait-until.ts";

testWithNats("SIGTERM ends in time although NATS has stopped answering", async (t) => {
  const nats = await startNats(t);
  const env = { SIGNET_STATE_STORE: "nats", SIGNET_STATE_FIRST_START: "true", SIGNET_NATS_URL: nats.url };
  const data = await tempFolder(t);
  const service = await startRemote(t, { data, env: { ...env, SIGNET_SHUTDOWN_GRACE: "500ms" } });
  await issue(service);
  nats.pause();
  await issue(service);
  const { child, log } = service.process;
  const ended = service.process.stop();
  await waitUntil("it has ended", () => child.exitCode !== null);
  t.is(await ended, 0);
  t.is(log.at(-1)?.event, "stopped");
});

/** The end of a client's part in the handshake of TLS 1.3. */
const FINISHED = "\x14\x03\x03\x00\x01\x01\x17\x03\x03";

for (const [when, answers] of [
  ["says nothing", () => ""],
  ["says nothing after its first words", (said: string) => /^INFO .*\r\n/.exec(said)?.[0] ?? ""],
  ["says nothing after the handshake", (said: string, isFinished: boolean) => (isFinished ? "" : said)],
] as const)
  testWithNats(`SIGTERM ends in time while a NATS server is dialled over TLS that ${when}`, async (t) => {
    const nats = await startSecureNats(t);
    const proxy: TcpProxy = await startTcpProxy(t, nats.url, (said) => answers(said, proxy.sent(FINISHED) > 0));
    const env = { SIGNET_NATS_URL: proxy.url, SIGNET_NATS_TLS_CA: nats.ca, SIGNET_SHUTDOWN_GRACE: "500ms" };
    const service = await startRemote(t, { data: await tempFolder(t), env });
    await issue(service);
    await waitUntil("an attempt is under way", () => proxy.clients() > 0);
    t.is(await service.process.stop(), 0);
    const events = service.process.log.map(({ event }) => event);
    t.is(events.at(-1), "stopped");
    t.deepEqual(
      events.filter((event) => event === "stop.failed" || event === "nats.up"),
      [],
    );
  });
