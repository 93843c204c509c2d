import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { bodiesOf } from "../compatibility/segment-bodies.ts";
import { readPage, tableRows } from "../docs/pages.ts";
import { connect } from "../support/nats/connect.ts";
import { startNats, testWithNats } from "../support/nats/nats-server.ts";
import { issue, type Service, startService } from "../support/service/service.ts";
import { waitUntil } from "../support/wait-until.ts";

const TOKENS = 512;
const AT_ONCE = 32;
/** Of what the page says. */
const MARGIN = 0.05;

async function issueMany(service: Service): Promise<void> {
  for (let at = 0; at < TOKENS; at += AT_ONCE)
    await Promise.all(
      Array.from({ length: AT_ONCE }, (_, n) =>
        issue(service, { subject: `customer-${at + n}`, audience: ["api://orders"] }),
      ),
    );
}

testWithNats("an event takes as many bytes as the page says", async (t) => {
  const nats = await startNats(t);
  const service = await startService(t, { env: { SIGNET_NATS_URL: nats.url } });
  const connection = await connect({ servers: nats.url });
  t.teardown(() => connection.close());
  const manager = await connection.jetstreamManager();
  const stream = async () => (await manager.streams.info("SIGNET_AUDIT")).state;
  await issueMany(service);
  await waitUntil("every event is in the stream", async () => (await stream()).messages > TOKENS);
  const { bytes, messages } = await stream();
  const bodies = bodiesOf(await readFile(join(service.data, "spool", "0000000000000001.segment")));
  const spooled = bodies.reduce((sum, body) => sum + 8 + Buffer.byteLength(body), 0) / bodies.length;
  const [inStream = [], inSpool = []] = tableRows(readPage("docs/deploy.md"), "## Sizing");
  for (const [row, real] of [
    [inStream, bytes / messages],
    [inSpool, spooled],
  ] as const) {
    const shown = Number(/^(\d+) bytes$/.exec(row[1] ?? "")?.[1]);
    t.true(Math.abs(real - shown) < shown * MARGIN, `${row[0]}: ${real}`);
  }
});
