import { once } from "node:events";
import { credentials } from "@grpc/grpc-js";
import { KeyServiceClient } from "../../../src/gen/signet/v1/keys.ts";
import { TokenServiceClient } from "../../../src/gen/signet/v1/token.ts";
import { HANGS_MS } from "../bounded.ts";
import { tempFolder } from "../files/temp.ts";
import { waitUntil } from "../wait-until.ts";
import { get } from "./get.ts";
import type { Service } from "./service.ts";
import { type LogLine, type ServiceProcess, spawnService } from "./service-process.ts";
import type { Ending } from "./shared.ts";

/** A service in a process of its own, with clients. */
export interface RemoteService extends Service {
  readonly process: ServiceProcess;
}

/**
 * Starts the service in a process of its own and connects to it. Both end after the test. Its data folder is new unless
 * one is given.
 */
export async function startRemote(
  t: Ending,
  options: Partial<Parameters<typeof spawnService>[1]> = {},
): Promise<RemoteService> {
  const data = options.data ?? (await tempFolder(t));
  const process = await spawnService(t, { ...options, data });
  const { grpc, http } = process;
  const tokens = new TokenServiceClient(grpc, credentials.createInsecure());
  const keys = new KeyServiceClient(grpc, credentials.createInsecure());
  t.teardown(() => {
    for (const client of [tokens, keys]) client.close();
  });
  const stop = async () => void (await process.stop());
  const reload = async () => void process.child.kill("SIGHUP");
  return {
    app: { addresses: { grpc, http }, failed: new Promise(() => {}), stop, reload },
    process,
    data,
    url: `http://${http}`,
    tokens,
    keys,
  };
}

/** Resolves when NATS has acknowledged every event of the service, of which there may be many after an outage. */
export function allForwarded({ url }: Pick<Service, "url">): Promise<void> {
  const isForwarded = async () => {
    const text = await (await get(`${url}/metrics`)).text();
    return /^signet_audit_spool_events 0$/m.test(text);
  };
  return waitUntil("every event is acknowledged", isForwarded, 3 * HANGS_MS);
}

/** Resolves when the log satisfies `holds`. Rejects when that hangs. */
export async function untilLogged(
  { process: { child, log } }: Pick<RemoteService, "process">,
  holds: (log: readonly LogLine[]) => boolean,
): Promise<void> {
  const signal = AbortSignal.timeout(HANGS_MS);
  while (!holds(log)) await once(child.stdout as NodeJS.ReadableStream, "data", { signal });
}

/** Resolves with the signal that ended the service, or null if it exited. */
export async function signalThatEnded({ process: { child } }: Pick<RemoteService, "process">) {
  if (child.exitCode === null && child.signalCode === null) {
    await once(child, "exit", { signal: AbortSignal.timeout(HANGS_MS) });
  }
  return child.signalCode;
}
