import { StartError } from "./start-error.ts";

/**
 * Older versions have known faults that a client can reach. package.json asks for less, because npm itself runs on the
 * machine's Node before it installs the Node that runs Signet.
 */
const OLDEST: readonly [major: number, minor: number, patch: number] = [24, 14, 1];

/** @throws StartError `OLD_NODE` for a version older than 24.14.1 */
export function requireSupportedNode(version: string): void {
  const found = version.split(".").map(Number);
  const differing = OLDEST.findIndex((part, at) => part !== found[at]);
  const isOld = differing >= 0 && (found[differing] ?? 0) < (OLDEST[differing] ?? 0);
  if (isOld) throw new StartError("OLD_NODE", `Signet needs Node >=${OLDEST.join(".")}, this is ${version}`);
}
