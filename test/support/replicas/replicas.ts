import { randomBytes } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { ExecutionContext } from "ava";
import { type KeyPolicy, keyPolicy } from "../../../src/keys/rotating/policy.ts";
import { tempFolder } from "../files/temp.ts";
import { freeze } from "../freeze.ts";
import { freePort } from "../service/free-port.ts";
import { get } from "../service/get.ts";
import { type RemoteService, startRemote } from "../service/remote-service.ts";
import { waitUntil } from "../wait-until.ts";
import { CLOCKED, type ClockFile, clockFile } from "./clocked-service.ts";

/** Rotates every 4 s with a lead of 2 s, and gives a busy machine a second for messages between replicas. */
const ROTATION = {
  period: 4_000,
  verifierCache: 1_000,
  propagation: 500,
  stopUsing: 500,
  skew: 500,
  activationDelay: 1_000,
  maxTtl: 105_000,
};

/** A replica of the service in a process of its own. */
export interface Replica extends RemoteService {
  readonly name: string;
  /** Freezes the process: its connections stay open, and it answers nothing. */
  pause(): void;
  resume(): void;
  /** Sets how far the clock of the replica is ahead of the machine's, in milliseconds. Survives a restart. */
  setClock(aheadMs: number): Promise<void>;
  /** What the replica reports that it waits for before it can issue; empty when it can issue. */
  waitsFor(): Promise<string>;
}

/**
 * Replicas that share a KEK and NATS. A replica that restarts under its name keeps its data folder, ports and clock.
 */
export interface ReplicaSet {
  /**
   * Resolves when the replica listens, even if it is not ready. `env` is for this start only; `REPLICA_ACCEPT_LOSSES`
   * holds what `serve --accept-loss` accepts, with spaces between.
   */
  start(name: string, env?: Readonly<Record<string, string>>): Promise<Replica>;
  /** Starts `count` replicas at once, and resolves when all can issue. */
  startAll(count: number): Promise<readonly Replica[]>;
  /** The data folder of the replica, with its spool, identity and snapshots. */
  folderOf(name: string): Promise<string>;
}

interface Place {
  readonly data: string;
  readonly clock: ClockFile;
  readonly grpc: string;
  readonly http: string;
}

/**
 * A set of replicas, killed after the test. The replicas use `natsUrls` in turn. `rotation` overrides the policy of
 * keys that rotate every four seconds.
 */
export async function replicaSet(
  t: ExecutionContext<unknown>,
  natsUrls: readonly string[],
  rotation: Partial<KeyPolicy> = {},
  env: Readonly<Record<string, string>> = {},
): Promise<ReplicaSet> {
  const kek = join(await tempFolder(t), "kek");
  await writeFile(kek, randomBytes(32).toString("base64url"), { mode: 0o600 });
  const policy = JSON.stringify(keyPolicy({ ...ROTATION, ...rotation }));
  const places = new Map<string, Promise<Place>>();

  const placeOf = (name: string): Promise<Place> => {
    const place = places.get(name) ?? newPlace(t);
    places.set(name, place);
    return place;
  };

  async function start(name: string, own: Readonly<Record<string, string>> = {}): Promise<Replica> {
    const place = placeOf(name);
    const url = natsUrls[[...places.keys()].indexOf(name) % natsUrls.length] ?? "";
    const { data, clock, grpc, http } = await place;
    const settings = {
      SIGNET_STATE_STORE: "nats",
      SIGNET_STATE_FIRST_START: "true",
      SIGNET_NATS_URL: url,
      SIGNET_KEK_FILE: kek,
      SIGNET_GRPC_ADDRESS: grpc,
      SIGNET_HTTP_ADDRESS: http,
      REPLICA_CLOCK: clock.path,
      REPLICA_POLICY: policy,
      ...env,
      ...own,
    };
    const service = await startRemote(t, { data, env: settings, program: CLOCKED, until: "listening" });
    const { child } = service.process;
    return {
      ...service,
      name,
      pause: () => freeze(child),
      resume: () => void child.kill("SIGCONT"),
      setClock: clock.runAhead,
      waitsFor: async () => {
        const response = await get(`${service.url}/readyz`);
        return response.ok ? "" : (await response.text()).trim();
      },
    };
  }

  return {
    start,
    async startAll(count) {
      const names = Array.from({ length: count }, (_, at) => `replica-${at + 1}`);
      const all = await Promise.all(names.map((name) => start(name)));
      await Promise.all(all.map(untilReady));
      return all;
    },
    folderOf: async (name) => (await placeOf(name)).data,
  };
}

/** Resolves when the replica can issue. */
export function untilReady(replica: Replica): Promise<void> {
  return waitUntil(`${replica.name} is ready`, async () => (await replica.waitsFor()) === "");
}

/** The loss that a replica asks its operator to accept, e.g. `state:ID`, once it does. */
export async function lossToAccept(replica: Replica): Promise<string> {
  let loss: string | undefined;
  await waitUntil(`${replica.name} names a loss`, async () => {
    loss = / start once with --accept-loss (\S+): /.exec(await replica.waitsFor())?.[1];
    return loss !== undefined;
  });
  return loss ?? "";
}

async function newPlace(t: ExecutionContext<unknown>): Promise<Place> {
  const data = await tempFolder(t);
  const clock = await clockFile(t);
  return { data, clock, grpc: `127.0.0.1:${await freePort()}`, http: `127.0.0.1:${await freePort()}` };
}
