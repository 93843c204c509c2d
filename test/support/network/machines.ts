import { execFileSync, spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import test, { type Implementation } from "ava";
import { findTool } from "../service/find-tool.ts";
import type { Ending } from "../service/shared.ts";
import { testUnless } from "../unless-missing.ts";

/** A machine of its own on the network, as far as processes can see: a network namespace of Linux. */
export interface Machine {
  readonly address: string;
  /** The command that runs the words after it on this machine. */
  readonly under: readonly string[];
  /** Pulls the plug. */
  cut(): void;
  /** Puts it back. */
  join(): void;
}

/** Why no machines can be made here; undefined if they can. */
export const noMachines = findMissing();

/** A test that needs machines. Where they can't be made it is skipped with a notice, and fails in CI. */
export function testOnNetwork(title: string, implementation: Implementation<[]>): void {
  testUnless(noMachines, title, implementation, { run: test.serial });
}

/**
 * Machines on one network, 10.77.0.1 and following, which end with the test. Nothing else reaches them, and they reach
 * nothing else.
 */
export function startMachines<Name extends string>(t: Ending, names: readonly Name[]): Record<Name, Machine> {
  const network = `signet-${randomBytes(4).toString("hex")}`;
  const hub = `${network}-hub`;
  ip(["netns", "add", hub]);
  t.teardown(() => ip(["netns", "del", hub]));
  ip(["-n", hub, "link", "add", "bridge", "type", "bridge"]);
  ip(["-n", hub, "link", "set", "bridge", "up"]);
  const machines = names.map((name, index) => {
    const namespace = `${network}-${name}`;
    const address = `10.77.0.${index + 1}`;
    const port = `port${index}`;
    ip(["netns", "add", namespace]);
    t.teardown(() => ip(["netns", "del", namespace]));
    ip(["-n", hub, "link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", namespace]);
    ip(["-n", hub, "link", "set", port, "master", "bridge"]);
    ip(["-n", hub, "link", "set", port, "up"]);
    ip(["-n", namespace, "address", "add", `${address}/24`, "dev", "eth0"]);
    for (const device of ["lo", "eth0"]) ip(["-n", namespace, "link", "set", device, "up"]);
    const machine: Machine = {
      address,
      under: ["ip", "netns", "exec", namespace],
      cut: () => ip(["-n", hub, "link", "set", port, "down"]),
      join: () => ip(["-n", hub, "link", "set", port, "up"]),
    };
    return [name, machine] as const;
  });
  return Object.fromEntries(machines) as Record<Name, Machine>;
}

function ip(args: readonly string[]): void {
  execFileSync("ip", args, { stdio: ["ignore", "ignore", "pipe"] });
}

function findMissing(): string | undefined {
  if (findTool("ip") === undefined) return "it needs ip of iproute2";
  const { status } = spawnSync("unshare", ["--net", "true"], { stdio: "ignore" });
  return status === 0 ? undefined : "this user may make no network namespaces";
}
