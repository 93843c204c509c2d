import { StartError } from "./start-error.ts";

/**
 * Older versions have known faults that a client can reach. package.json asks for less, because npm itself runs on the
 * machine's Node before it installs the Node that runs Signet.
 */
export const OLDEST_NODE: readonly [major: number, minor: number, patch: number] = [24, 14, 1];

/** @throws StartError `OLD_NODE` for a version older than 24.14.1, and for pre-releases of 24.14.0 and 24.14.1 */
export function requireSupportedNode(version: string): void {
  const found = version.split(".").map(Number);
  const differing = OLDEST_NODE.findIndex((part, at) => part !== found[at]);
  // Not "is less": the last part of a pre-release, as in 24.14.1-rc.1, is NaN.
  const isNewer = (found[differing] ?? 0) > (OLDEST_NODE[differing] ?? 0);
  if (differing >= 0 && !isNewer)
    throw new StartError("OLD_NODE", `Signet needs Node >=${OLDEST_NODE.join(".")}, this is ${version}`);
}
