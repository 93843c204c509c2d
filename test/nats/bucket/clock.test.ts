import { createNatsKeyValue } from "../../../src/nats/bucket/keyvalue.ts";
import { HANGS_MS } from "../../support/bounded.ts";
import { startNats, testWithNats } from "../../support/nats/nats-server.ts";
import { connectStore } from "./store-under-test.ts";

const OPTIONS = { replicas: 1, report: () => undefined, callMs: HANGS_MS } as const;

for (const ahead of [0, -3_600_000, 86_400_000]) {
  testWithNats(`a clock that is ${ahead} ms ahead of NATS is seen to be, within the bound`, async (t) => {
    const server = await startNats(t);
    const { link } = await connectStore(t, server.url);
    const store = createNatsKeyValue(link, { ...OPTIONS, now: () => Date.now() + ahead });
    const began = performance.now();
    const { offsetMs, boundMs } = await store.clockOffset();
    const tookMs = performance.now() - began;
    t.true(Math.abs(offsetMs + ahead) <= boundMs, `${offsetMs} ± ${boundMs}`);
    t.true(boundMs >= 1 && boundMs <= tookMs + 2, `${boundMs} of ${tookMs}`);
  });
}

testWithNats("a clock that is set back during a measurement makes it fail", async (t) => {
  const server = await startNats(t);
  const { link } = await connectStore(t, server.url);
  let time = 1_000_000;
  const now = () => {
    time -= 1000;
    return time;
  };
  const store = createNatsKeyValue(link, { ...OPTIONS, now });
  t.like(await t.throwsAsync(store.clockOffset()), { code: "UNAVAILABLE" });
});
