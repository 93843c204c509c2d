import { credentials, makeGenericClientConstructor } from "@grpc/grpc-js";
import { service as healthService } from "grpc-health-check";

const START_SECONDS = 30;

/** Resolves when `grpc.health.v1` reports that `service` is serving. Rejects after 30 seconds. */
export async function waitUntilServing(address: string, service: string): Promise<void> {
  const HealthClient = makeGenericClientConstructor(healthService, "grpc.health.v1.Health");
  const client = new HealthClient(address, credentials.createInsecure());
  const answers = client.watch?.({ service }, { deadline: Date.now() + START_SECONDS * 1000 });
  try {
    for await (const { status } of answers) if (status === "SERVING") return;
    throw new Error(`${service} at ${address} was not serving before its health watch ended`);
  } finally {
    answers.on("error", () => undefined).cancel();
    client.close();
  }
}
