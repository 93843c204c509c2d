import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { credentials } from "@grpc/grpc-js";
import { type Key, KeyServiceClient, ListKeysRequest, type ListKeysResponse } from "../../src/gen/signet/v1/keys.ts";
import { type KeyPolicy, keyPolicy } from "../../src/keys/rotating/policy.ts";
import { type Server, startServer } from "../servers/process.ts";
import { readyAt } from "../servers/start-node.ts";

/** No configuration allows so short a life: a key takes over twice a second. */
const FAST = keyPolicy({
  period: 500,
  verifierCache: 100,
  propagation: 50,
  stopUsing: 50,
  skew: 50,
  activationDelay: 100,
  maxTtl: 1_000,
});
/** With it the next key is one that signs for a day, as in an installation that was never in a hurry. */
const DAILY: KeyPolicy = { ...FAST, period: 86_400_000 };
const LONGEST_MS = 600_000;
const LOOK_MS = 500;

/** Lets every keyset rotate so many times, by the service itself with a policy that a configuration would refuse. */
export async function rotateOften(nats: Server, data: string, rotations: number): Promise<void> {
  // The first epoch is that of a new keyset, and each rotation makes one more.
  await runUntil(nats, data, FAST, (keys) => keys.every(({ epoch }) => epoch > rotations));
  const anHourOn = Date.now() + 3_600_000;
  const signsForLong = ({ signFrom, signUntil }: Key) =>
    Number(signFrom ?? Number.NaN) <= Date.now() && Number(signUntil ?? 0) > anHourOn;
  await runUntil(nats, data, DAILY, (keys) => {
    const done = new Set(keys.filter(signsForLong).map(({ keyset }) => keyset));
    return keys.every(({ keyset }) => done.has(keyset));
  });
}

async function runUntil(
  nats: Server,
  data: string,
  policy: KeyPolicy,
  isDone: (keys: readonly Key[]) => boolean,
): Promise<void> {
  await using server = await startReplica(nats, data, policy);
  const client = new KeyServiceClient(server.address, credentials.createInsecure());
  try {
    const end = performance.now() + LONGEST_MS;
    while (!isDone(await keysOf(client))) {
      if (performance.now() > end)
        throw new Error("the keys had not rotated as often as they should within ten minutes");
      await delay(LOOK_MS);
    }
  } finally {
    client.close();
  }
}

/** The program with which tests run the service under a policy of keys of their own. */
async function startReplica(nats: Server, data: string, policy: KeyPolicy): Promise<Server> {
  mkdirSync(dirname(data), { recursive: true });
  const clock = join(dirname(data), "clock");
  writeFileSync(clock, "0");
  const settings = {
    SIGNET_ISSUER: "https://signet.example",
    SIGNET_DATA: data,
    SIGNET_NATS_URL: `nats://${nats.address}`,
    SIGNET_STATE_STORE: "nats",
    SIGNET_STATE_FIRST_START: "true",
    SIGNET_GRPC_ADDRESS: "127.0.0.1:0",
    SIGNET_HTTP_ADDRESS: "127.0.0.1:0",
    REPLICA_CLOCK: clock,
    REPLICA_POLICY: JSON.stringify(policy),
  };
  const program = join(import.meta.dirname, "../../test/fault/replicas/replica.ts");
  const variables = Object.entries(settings).map(([name, value]) => `${name}=${value}`);
  return await startServer("replica", ["env", ...variables, process.execPath, program], readyAt);
}

/** Those of rotating keysets. */
async function keysOf(client: KeyServiceClient): Promise<readonly Key[]> {
  const { keys } = await new Promise<ListKeysResponse>((resolve, reject) => {
    client.listKeys(ListKeysRequest.create(), (error, response) => (error ? reject(error) : resolve(response)));
  });
  return keys.filter(({ keyset }) => keyset !== "");
}
