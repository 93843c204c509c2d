import { setTimeout as pause } from "node:timers/promises";
import type { JSONWebKeySet } from "jose";
import { get } from "../service/get.ts";
import { startLoad } from "../service/load.ts";
import { listKeys } from "../service/service.ts";
import type { Replica } from "./replicas.ts";
import { type RingFault, type RingSight, ringFaults } from "./ring-faults.ts";

const KEYSET = "service";
const LOOK_MS = 50;

/** Watches the rings of replicas repeatedly. */
export interface RingWitness {
  readonly sights: readonly RingSight[];
  /** Resolves with the faults seen, by kind. Rejects if a replica did not answer. */
  stop(): Promise<Partial<Record<RingFault, number>>>;
}

export function watchRings(replicas: readonly Replica[]): RingWitness {
  const sights: RingSight[] = [];
  const load = startLoad(1, async () => {
    sights.push(...(await Promise.all(replicas.map(look))));
    await pause(LOOK_MS);
  });
  return {
    sights,
    async stop() {
      await load.stop();
      sights.push(...(await Promise.all(replicas.map(look))));
      return ringFaults(sights, replicas.flatMap(epochsMadeBy));
    },
  };
}

export async function look(replica: Replica): Promise<RingSight> {
  const response = await get(`${replica.url}/.well-known/jwks.json`);
  const jwks = (await response.json()) as JSONWebKeySet;
  const { keys } = await listKeys(replica, KEYSET);
  return {
    replica: replica.name,
    epoch: Number(keys[0]?.epoch ?? 0),
    kids: keys.map(({ keyId }) => keyId),
    jwks,
  };
}

/** The epochs that the log of a replica reports. A replica that loses the race for an epoch logs nothing. */
function epochsMadeBy({ name, process: { log } }: Replica) {
  return log.flatMap(({ event, keyset, epoch, added, reason }) =>
    event === "keys.rotated" && keyset === KEYSET && reason !== "restored"
      ? [{ replica: name, epoch: Number(epoch), added: added as string[] }]
      : [],
  );
}
