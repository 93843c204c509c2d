import { makeGenericClientConstructor } from "@grpc/grpc-js";
import { service as healthService } from "grpc-health-check";
import { CLIENT_OPTIONS, credentialsFor, type Endpoint } from "../client/endpoint.ts";

// A start with much state takes its time.
const START_SECONDS = 600;

/** Resolves when `grpc.health.v1` reports that `service` is serving. Rejects after ten minutes. */
export async function waitUntilServing(server: Endpoint, service: string): Promise<void> {
  const HealthClient = makeGenericClientConstructor(healthService, "grpc.health.v1.Health");
  const client = new HealthClient(server.address, credentialsFor(server), CLIENT_OPTIONS);
  const answers = client.watch?.({ service }, { deadline: Date.now() + START_SECONDS * 1000 });
  try {
    for await (const { status } of answers) if (status === "SERVING") return;
    throw new Error(`${service} at ${server.address} was not serving before its health watch ended`);
  } finally {
    answers.on("error", () => undefined).cancel();
    client.close();
  }
}
