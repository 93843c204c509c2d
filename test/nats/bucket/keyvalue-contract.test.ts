import type { ExecutionContext } from "ava";
import { createNatsKeyValue } from "../../../src/nats/bucket/keyvalue.ts";
import { type BucketName, LIVE_BUCKET, STATE_BUCKET } from "../../../src/nats/bucket/name.ts";
import { NatsLink } from "../../../src/nats/link.ts";
import { MAX_LIVE_VALUE_BYTES } from "../../../src/state/keyvalue.ts";
import { keyValueContract } from "../../contract/keyvalue.ts";
import { HANGS_MS } from "../../support/bounded.ts";
import { serialTestWithNats, startNats } from "../../support/nats/nats-server.ts";

keyValueContract(serialTestWithNats, (t) => open(t, STATE_BUCKET));
const liveTest: typeof serialTestWithNats = (title, test) => serialTestWithNats(`the live store: ${title}`, test);
keyValueContract(liveTest, (t) => open(t, LIVE_BUCKET), MAX_LIVE_VALUE_BYTES);

async function open(t: ExecutionContext, name: BucketName) {
  const server = await startNats(t);
  const link = new NatsLink({ servers: server.url }, () => undefined);
  t.teardown(() => link.close(1000));
  await link.connected(AbortSignal.timeout(HANGS_MS));
  const clock = { now: 1_700_000_000_000 };
  const report = (damage: string) => t.fail(damage);
  return {
    store: createNatsKeyValue(link, { name, replicas: 1, now: () => clock.now, report, callMs: HANGS_MS }),
    clock,
  };
}
