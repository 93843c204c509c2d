import packageJson from "../package.json" with { type: "json" };
import { StartError } from "./start-error.ts";

/** Older ones have known faults that a client can reach; package.json names the same floor. */
export function refuseOldNode(version: string): void {
  const [major = 0, minor = 0, patch = 0] = version.split(".").map(Number);
  if (major > 24 || (major === 24 && (minor > 14 || (minor === 14 && patch >= 1)))) return;
  throw new StartError("OLD_NODE", `Signet needs Node ${packageJson.engines.node}, this is ${version}`);
}
