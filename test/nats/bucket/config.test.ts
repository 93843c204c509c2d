import test from "ava";
import { checkServerVersion } from "../../../src/nats/bucket/config.ts";
import { StateError } from "../../../src/state/keyvalue.ts";
import { startNats, testWithNats } from "../../support/nats/nats-server.ts";
import { startTcpProxy } from "../../support/nats/tcp-proxy.ts";
import { bytes, connectStore } from "./store-under-test.ts";

for (const version of [
  "2.10.26",
  "2.9.25",
  "2.8.99",
  "1.99.99",
  "2.10.27-rc.1",
  "0.0.0",
  "",
  "2.10",
  "main",
  "2.10.27x",
]) {
  test(`a server of version ${JSON.stringify(version)} is refused for a replicated bucket only`, (t) => {
    const error = t.throws(() => checkServerVersion(version, 3), { instanceOf: StateError });
    t.is(error?.code, "UNAVAILABLE");
    t.regex(error?.message ?? "", /2\.10\.27 or newer/);
    t.true(error?.message.includes(JSON.stringify(version)));
    t.notThrows(() => checkServerVersion(version, 1));
  });
}

for (const version of ["2.10.27", "2.10.28-rc.1", "2.11.0", "2.11.0-beta.1", "2.15.1", "3.0.0", "v2.11.4"]) {
  test(`a server of version ${version} is taken for a replicated bucket`, (t) => {
    t.notThrows(() => checkServerVersion(version, 3));
  });
}

testWithNats("a server that introduces itself as too old is refused by every call, at each connection", async (t) => {
  const server = await startNats(t);
  const proxy = await startTcpProxy(t, server.url, (said) => said.replace(/"version":"[^"]*"/, '"version":"2.9.20"'));
  const { store } = await connectStore(t, proxy.url, { replicas: 3 });
  for (const call of [() => store.get("a"), () => store.create("a", bytes("1")), () => store.clockOffset()]) {
    const error = await t.throwsAsync(call, { instanceOf: StateError });
    t.is(error?.code, "UNAVAILABLE");
    t.regex(error?.message ?? "", /"2\.9\.20".*2\.10\.27/);
  }
  const alone = await connectStore(t, proxy.url, { replicas: 1 });
  t.is(await alone.store.create("a", bytes("1")), 1);
});
