import type { LogPolicy } from "../../checkpoint/policy.ts";
import type { WriterChain } from "../chain/writer-chain.ts";
import { type Finding, placedFault } from "../fault.ts";

/**
 * A writer of which the policy has no log: who can publish can make up a writer, with a chain that holds. For one of a
 * version that had no logs, an earlier run has to vouch.
 */
export function* strangerFaults(chain: WriterChain, hasLog: boolean, policy: LogPolicy): Generator<Finding> {
  const { first, known, writer } = chain;
  if (first === undefined || policy.names(writer) || (known !== undefined && !hasLog)) return;
  const message = hasLog
    ? "the policy has no log of this writer"
    : "the policy has no log of this writer, and no earlier state has its end: it is of a version without logs, or made up";
  const at = chain.epoch(first.epoch).places.at(first.seq);
  yield { fault: { ...placedFault(chain, "UNKNOWN_LOG", first, message), at }, doubt: first };
}
