import fc from "fast-check";
import { KeyringError } from "../../../../src/keys/error.ts";
import type { Keyring } from "../../../../src/keys/rotating/keyring.ts";
import { Problem } from "../../../../src/problem/problem.ts";
import { day, hour, second } from "../ring-under-test.ts";
import { POLICY } from "./policy.ts";
import type { SimulatedReplica } from "./replica.ts";
import type { World } from "./world.ts";

/** What happens to a world; `at` names a replica. What can't happen as the world is does not. */
export type Action =
  | { readonly type: "wait"; readonly ticks: number }
  | { readonly type: "rotate"; readonly at: number; readonly all: boolean }
  | { readonly type: "revoke"; readonly at: number; readonly key: number }
  | { readonly type: "crash" | "boot" | "cut" | "heal"; readonly at: number }
  | { readonly type: "step"; readonly at: number; readonly ahead: number }
  | { readonly type: "copy" | "rollBack" | "lose" };

const at = fc.nat(7);
const steps = [0, 0, POLICY.skew / 2, -POLICY.skew / 2, hour, -hour, day, -day];

export const anyAction: fc.Arbitrary<Action> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ type: fc.constant("wait" as const), ticks: fc.integer({ min: 1, max: 80 }) }) },
  { weight: 3, arbitrary: fc.record({ type: fc.constant("rotate" as const), at, all: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant("revoke" as const), at, key: fc.nat(5) }) },
  { weight: 6, arbitrary: fc.record({ type: fc.constantFrom("crash", "boot", "boot", "cut", "heal", "heal"), at }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant("step" as const), at, ahead: fc.constantFrom(...steps) }) },
  { weight: 3, arbitrary: fc.record({ type: fc.constantFrom("copy", "rollBack", "lose") }) },
);

/** Does it, and lets one tick pass, or as many as it says. Throws where an invariant is broken. */
export async function act(world: World, action: Action): Promise<void> {
  await carryOut(world, action);
  for (let tick = 0; tick < (action.type === "wait" ? action.ticks : 1); tick++) await world.tick();
}

async function carryOut(world: World, action: Action): Promise<void> {
  switch (action.type) {
    case "wait":
      return;
    case "rotate":
      return rotate(action.all ? world.replicas : [named(world, action.at)]);
    case "revoke":
      return revoke(world, named(world, action.at), action.key);
    case "crash":
      named(world, action.at).keyring = undefined;
      return;
    case "boot":
      return boot(named(world, action.at));
    case "cut":
      named(world, action.at).connected = false;
      return;
    case "heal":
      named(world, action.at).connected = true;
      return;
    case "step":
      named(world, action.at).ahead = action.ahead;
      return;
    case "copy":
      return world.bucket.copy();
    case "rollBack":
      return isHeld(world) ? world.bucket.rollBack() : undefined;
    case "lose":
      return isHeld(world) ? world.bucket.lose() : undefined;
  }
}

function named({ replicas }: World, at: number): SimulatedReplica {
  const replica = replicas[at % replicas.length];
  if (replica === undefined) throw new Error("there is no replica");
  return replica;
}

async function rotate(replicas: readonly SimulatedReplica[]): Promise<void> {
  await Promise.all(
    replicas.map(async ({ keyring, connected, sound }) => {
      if (keyring === undefined || !sound()) return;
      await keyring.rotate().catch((error) => {
        const early = error instanceof Problem && error.code === "TOO_EARLY";
        if (!(early || (isOutage(error) && !connected))) throw error;
      });
    }),
  );
}

async function revoke(
  world: World,
  { keyring, clock, connected, sound }: SimulatedReplica,
  key: number,
): Promise<void> {
  const able = keyring?.list(clock()).filter(({ state }) => state !== "removed" && state !== "revoked") ?? [];
  const kid = able[key % able.length]?.kid;
  if (keyring === undefined || kid === undefined || !sound()) return;
  try {
    await keyring.revoke(kid, "a model");
    world.revoked(kid, successorOf(keyring, clock()));
  } catch (error) {
    // The newest epoch may have forgotten a key that this replica still lists: an answer, not a fault.
    const gone = error instanceof Problem && error.code === "KEY_NOT_FOUND";
    if (!gone && !(isOutage(error) && !connected)) throw error;
  }
}

/**
 * Who signs from now on, or as soon as no replica is late: the newest whose time has come, or comes within its
 * millisecond.
 */
function successorOf(keyring: Keyring, now: number): string | undefined {
  return keyring.list(now).find(({ state, signFrom }) => state !== "revoked" && signFrom <= now + second)?.kid;
}

async function boot(replica: SimulatedReplica): Promise<void> {
  if (replica.keyring !== undefined) return;
  await replica.boot().catch((error) => {
    const waits = error instanceof KeyringError && error.code === "WAITING" && !replica.sound();
    if (!waits && !(isOutage(error) && !replica.connected)) throw error;
  });
}

/** Whether a replica is there to give back what the bucket holds: who loses both has lost the keys. */
function isHeld({ replicas }: World): boolean {
  const highest = Math.max(...replicas.map(({ held }) => held));
  return replicas.some(({ keyring, connected }) => connected && keyring?.epoch === highest);
}

function isOutage(error: unknown): boolean {
  return error instanceof KeyringError && error.code === "UNREADABLE";
}
