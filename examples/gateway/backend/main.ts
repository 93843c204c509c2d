import { connectSignet } from "../signet/client.ts";
import { listen } from "../web/listen.ts";
import { log } from "../web/log.ts";
import { AuditEvents } from "./audit-events.ts";
import { Operator } from "./operator.ts";
import { createBackendServer } from "./server.ts";

const { BACKEND_ADDRESS, GATEWAY_URL, HIVEKIT_TENANT, NATS_URL } = process.env;

const signet = connectSignet(process.env);
const operator = new Operator(signet, HIVEKIT_TENANT || "demo-tenant");
await operator.importSecrets();
const events = NATS_URL ? await AuditEvents.follow(process.env) : undefined;
const gateway = GATEWAY_URL || "http://127.0.0.1:8090";
const server = createBackendServer({ signet, operator, events, gateway });
const url = await listen(server, "BACKEND_ADDRESS", BACKEND_ADDRESS || "127.0.0.1:8092");

async function stop(): Promise<void> {
  server.close();
  server.closeAllConnections();
  await events?.close();
  signet.disconnect();
  log("stopped");
}

for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => void stop());
// Last: whoever reads it may stop the process at once.
log("listening", { url });
