import type { Config } from "../config/config.ts";
import { showDuration } from "../config/duration.ts";
import type { Fault } from "../config/fault.ts";

type Keysets = Config["keysets"];

/**
 * What of the wanted keysets a running service can't take over: its rings are opened at the start, with the times that the
 * longest ttl of then asks for. A keyset that no profile names any more does no harm, and goes with the next start.
 */
export function restartFaults(running: Keysets, wanted: Keysets): Fault[] {
  return wanted.flatMap(({ name, algorithm, policy }) => {
    const held = running.find((keyset) => keyset.name === name);
    const message = held === undefined ? "is not held by the running service" : difference(held, { algorithm, policy });
    return message === undefined
      ? []
      : [{ file: `keyset ${name}`, path: "", message: `${message}: restart the service` }];
  });
}

function difference(held: Keysets[number], wanted: Omit<Keysets[number], "name">): string | undefined {
  if (held.algorithm !== wanted.algorithm) return `signs with ${held.algorithm} in the running service`;
  if (wanted.policy.maxTtl <= held.policy.maxTtl) return undefined;
  return `rotates in the running service for tokens of at most ${showDuration(held.policy.maxTtl)}`;
}
