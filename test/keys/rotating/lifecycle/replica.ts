import { randomBytes } from "node:crypto";
import { type Keyring, openKeyring } from "../../../../src/keys/rotating/keyring.ts";
import { makeOptions, underKeks } from "../keyring-under-test.ts";
import type { Bucket } from "./bucket.ts";
import { POLICY, TICK } from "./policy.ts";

/** A replica of a simulated world. */
export interface SimulatedReplica {
  readonly name: string;
  /** Undefined: it is down. */
  keyring: Keyring | undefined;
  connected: boolean;
  /** The highest epoch that it ever held: it remembers it when it is down. */
  held: number;
  /** How far its clock is ahead of the true time, in milliseconds. */
  ahead: number;
  /** How it heard of the others last: when, and which epoch they held. */
  readonly heard: Map<string, { readonly at: number; readonly epoch: number }>;
  readonly clock: () => number;
  /** Whether its clock is right enough to issue by. */
  readonly sound: () => boolean;
  /** For how many milliseconds it has not heard of the bucket. */
  readonly offline: () => number;
  /** Starts it with what it remembers. Rejects as `openKeyring` does. */
  readonly boot: () => Promise<void>;
}

/** A replica that is not heard of for so long is taken for dead. */
const SILENCE = 2 * TICK;

const crypto = underKeks("one");

export function createReplica(name: string, trueTime: () => number, bucket: Bucket): SimulatedReplica {
  let remembered: Uint8Array | undefined;
  let heardAt = trueTime();
  const clock = () => trueTime() + replica.ahead;
  const sound = () => Math.abs(replica.ahead) <= POLICY.skew;
  const heard = () => {
    if (replica.keyring !== undefined && replica.connected) heardAt = trueTime();
    return heardAt;
  };
  const late = (epoch: number): string[] => {
    const alive = [...replica.heard].filter(([, { at }]) => at >= heard() - SILENCE);
    return alive.flatMap(([other, held]) => (held.epoch < epoch ? [other] : []));
  };
  const replica: SimulatedReplica = {
    name,
    keyring: undefined,
    connected: true,
    held: 0,
    ahead: 0,
    heard: new Map(),
    clock,
    sound,
    offline: () => trueTime() - heard(),
    async boot() {
      const { options } = makeOptions({
        ...crypto,
        policy: POLICY,
        store: bucket.seenBy(() => replica.connected),
        now: clock,
        randomBytes,
        late,
        mayPlan: sound,
        snapshot: {
          load: async () => remembered,
          save: async (record) => {
            remembered = record;
          },
        },
      });
      replica.keyring = await openKeyring(options);
    },
  };
  return replica;
}
