import { tempFolder } from "../support/files/temp.ts";
import { startNats, testWithNats } from "../support/nats/nats-server.ts";
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
