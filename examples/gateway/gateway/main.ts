import { VerifyBatches } from "../signet/batches.ts";
import { connectSignet } from "../signet/client.ts";
import { Profiles } from "../signet/profiles.ts";
import { Sessions } from "../signet/sessions.ts";
import { listen } from "../web/listen.ts";
import { log, textOf } from "../web/log.ts";
import { createGatewayServer } from "./server.ts";
import { readSettings } from "./settings.ts";

const settings = readSettings(process.env);
const signet = connectSignet(process.env);
const sessions = new Sessions(signet, {
  gatewayId: settings.gatewayId,
  leaseMs: settings.leaseMs,
  onLease: (change, error) => log(`lease ${change}`, error === undefined ? {} : { problem: textOf(error) }),
});
const server = createGatewayServer({
  signet,
  sessions,
  profiles: new Profiles(signet),
  batches: new VerifyBatches(signet),
  origins: settings.origins,
  hivekitTenant: settings.hivekitTenant,
});

await sessions.start();
const url = await listen(server.http, "GATEWAY_ADDRESS", settings.address);

/** Connections first, so that each client hears why; then their slots, so that they are free at once. */
async function drain(): Promise<void> {
  log("draining", { sessions: sessions.size });
  await server.drain();
  await sessions.stop();
  signet.disconnect();
  log("stopped");
}

for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => void drain());
// Last: whoever reads it may stop the process at once.
log("listening", { url, gatewayId: settings.gatewayId });
