import test from "ava";
import { startGateway } from "../support/gateway.ts";
import { startVendors } from "../support/gateway-client.ts";
import { startNats, testWithNats } from "../support/nats/nats-server.ts";
import { waitUntil } from "../support/wait-until.ts";

testWithNats("SIGTERM ends the backend by itself, though it reads the audit log", async (t) => {
  const nats = await startNats(t);
  const env = { NATS_URL: nats.url };
  const { backend } = await startVendors(t, { serviceEnv: { SIGNET_NATS_URL: nats.url }, backendEnv: env });
  void backend.stop();
  await waitUntil("the backend has ended", () => backend.child.exitCode !== null);
  t.is(backend.child.exitCode, 0);
});

test("a gateway names each setting that is wrong, and what is allowed, before it asks Signet", async (t) => {
  const start = (env: Readonly<Record<string, string>>) => startGateway(t, { signet: "127.0.0.1:1", env });
  const wrong = await t.throwsAsync(start({ GATEWAY_ID: "a b", GATEWAY_LEASE_SECONDS: "5.5" }));
  t.regex(wrong.message, /GATEWAY_ID must be 1 to 64 characters of A-Z a-z 0-9 \. _ : -/);
  t.regex(wrong.message, /GATEWAY_LEASE_SECONDS must be a whole number from 5 to 300/);
  const nowhere = await t.throwsAsync(start({ GATEWAY_ADDRESS: "nonsense" }));
  t.regex(nowhere.message, /GATEWAY_ADDRESS must be host:port/);
});

test("a gateway listens on an IPv6 address", async (t) => {
  const env = { GATEWAY_ADDRESS: "[::1]:0" };
  const { url } = await startGateway(t, { signet: "127.0.0.1:1", env });
  t.is((await fetch(`${url}/livez`)).status, 200);
});
