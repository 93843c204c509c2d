import { wantedStream } from "../../src/nats/audit/stream.ts";
import { startBackend } from "../support/gateway.ts";
import { connect } from "../support/nats/connect.ts";
import { startNats, testWithNats } from "../support/nats/nats-server.ts";
import { issue, startService } from "../support/service/service.ts";
import { waitUntil } from "../support/wait-until.ts";

testWithNats("the example backend relays the audit log of both streams, also when it moves meanwhile", async (t) => {
  const nats = await startNats(t);
  const connection = await connect({ servers: nats.url });
  t.teardown(() => connection.close());
  const manager = await connection.jetstreamManager();
  // As an earlier version made it: it can never be trimmed, so that the log moves.
  const earlier = { ...wantedStream(1), deny_purge: true };
  await manager.streams.add(earlier);
  const service = await startService(t, { env: { SIGNET_NATS_URL: nats.url } });
  const start = () =>
    startBackend(t, {
      signet: service.app.addresses.grpc,
      gateway: "http://127.0.0.1:1",
      env: { NATS_URL: nats.url },
    });
  /** What a page has got so far. */
  const open = async (url: string) => {
    const page = { text: "" };
    const response = await fetch(`${url}/api/events`);
    const reading = (async () => {
      for await (const part of response.body ?? []) page.text += Buffer.from(part).toString();
    })();
    void reading.catch(() => undefined);
    return page;
  };
  const backend = await start();
  const page = await open(backend.url);
  const before = await issue(service);
  await waitUntil("the page has its event", () => page.text.includes(before.tokenId));

  await manager.streams.update("SIGNET_AUDIT", { ...earlier, subjects: ["signet.closed.audit"] });
  const after = await issue(service);
  await waitUntil("the page has the event of the second stream", () => page.text.includes(after.tokenId));
  t.is((await manager.streams.info("SIGNET_AUDIT_2")).config.name, "SIGNET_AUDIT_2", "control: the log has moved");
  t.is(await backend.stop(), 0);

  const later = await start();
  await waitUntil("one that starts later has both", async () => {
    const { text } = await openBriefly(later.url);
    return text.includes(after.tokenId);
  });
  t.is(await later.stop(), 0);
});

/** What a page gets at once. */
async function openBriefly(url: string): Promise<{ readonly text: string }> {
  const closing = new AbortController();
  const { body } = await fetch(`${url}/api/events`, { signal: closing.signal });
  const { value } = (await body?.getReader().read()) ?? {};
  closing.abort();
  return { text: Buffer.from(value ?? []).toString() };
}
