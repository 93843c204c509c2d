import { createNatsKeyValue } from "../../../src/nats/bucket/keyvalue.ts";
import { NatsLink } from "../../../src/nats/link.ts";
import { keyValueContract } from "../../contract/keyvalue.ts";
import { serialTestWithNats, startNats } from "../../support/nats/nats-server.ts";

keyValueContract(serialTestWithNats, async (t) => {
  const server = await startNats(t);
  const link = new NatsLink({ servers: server.url }, () => undefined);
  t.teardown(() => link.close(1000));
  await link.connected(AbortSignal.timeout(10_000));
  const clock = { now: 1_700_000_000_000 };
  const report = (damage: string) => t.fail(damage);
  return { store: createNatsKeyValue(link, { replicas: 1, now: () => clock.now, report }), clock };
});
