import test from "ava";
import { openAuditPipeline } from "../../../src/audit-thread/pipeline.ts";
import { issued, makeSpool, TIME } from "../../support/files/spool-fixture.ts";
import { tempFolder } from "../../support/files/temp.ts";
import { MemorySink } from "../../support/nats/memory-sink.ts";
import { openAccess } from "../../support/nats/nats-access.ts";
import { freePort } from "../../support/service/free-port.ts";
import { waitUntil } from "../../support/wait-until.ts";

test("setting the wall clock an hour ahead trims no event that was just acknowledged", async (t) => {
  const real = Date.now;
  let ahead = 0;
  Date.now = () => real() + ahead;
  t.teardown(() => {
    Date.now = real;
  });
  const folder = await tempFolder(t);
  const before = await makeSpool(t, { folder });
  for (const number of [1, 2, 3]) await before.append(issued(number), TIME);
  await before.close();

  const sink = new MemorySink();
  let rounds = 0;
  const counting = {
    connected: () => {
      rounds += 1;
      return sink.connected();
    },
    inspect: (mark: Parameters<MemorySink["inspect"]>[0]) => sink.inspect(mark),
    publish: (...args: Parameters<MemorySink["publish"]>) => sink.publish(...args),
  };
  const nats = { access: openAccess(`nats://127.0.0.1:${await freePort()}`), replicas: 1, horizonMs: 60_000 };
  const settings = { folder, maxBytes: 1 << 26, installation: undefined, acceptLosses: [], nats, traced: false };
  const side = await openAuditPipeline(settings, () => undefined, { wrapSink: () => counting });
  await side.append(issued(4), TIME);
  await waitUntil("all is acknowledged", async () => (await side.depth()).events === 0);
  const { bytes } = await side.depth();
  const seen = rounds;
  ahead = 3_600_000;
  await waitUntil("the forwarder has looked about", () => rounds >= seen + 4, 7_200_000);
  t.is((await side.depth()).bytes, bytes);
  await side.stop(1000);
});
