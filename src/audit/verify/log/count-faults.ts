import { counted } from "../../../counted.ts";
import type { WriterChain } from "../chain/writer-chain.ts";
import { type Finding, type LogFault, placedFault } from "../fault.ts";
import type { CountedKey } from "./statement.ts";

/**
 * Where a writer counted other signatures than its log has events. It finds faults of a writer: one that lies counts
 * what it likes. An epoch whose beginning is missing is not counted.
 */
export function* countFaults(chain: WriterChain): Generator<Finding> {
  const epochs = Map.groupBy(chain.statements, ({ epoch }) => epoch);
  for (const [epoch, statements] of epochs) {
    const counts = new Map<number, number>();
    let countedTo = 0;
    for (const { seq, eventId, at, statement } of statements.toSorted((left, right) => left.seq - right.seq)) {
      if (statement.kind !== "counted") continue;
      if (!countUpTo(chain, epoch, seq, countedTo, counts)) break;
      countedTo = seq;
      for (const message of statement.keys.flatMap((key) => faultsOf(key, (event) => chain.tallyOf(event, counts)))) {
        const fault: LogFault = { ...placedFault(chain, "COUNT_MISMATCH", { epoch, seq }, message), eventId, at };
        // The events are what they are: the writer miscounted them, or did not write one.
        yield { fault, doubt: undefined };
      }
    }
  }
}

/** Adds the events from `countedTo` up to `seq`. False if one is missing. */
function countUpTo(
  chain: WriterChain,
  epoch: number,
  seq: number,
  countedTo: number,
  counts: Map<number, number>,
): boolean {
  const { places } = chain.epoch(epoch);
  for (let at = countedTo + 1; at <= seq; at++) {
    if (places.at(at) <= 0) return false;
    const kind = places.tallyOf(at);
    if (kind !== 0) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  }
  return true;
}

function faultsOf(key: CountedKey, countOf: (event: string) => number): string[] {
  const { keyId, signed, issued, withheld, unrecorded, selfTests, inFlight } = key;
  const [foundIssued, foundWithheld] = [countOf(`issued ${keyId}`), countOf(`withheld ${keyId}`)];
  const known = issued + unrecorded + selfTests + inFlight;
  const has = (count: number, what: string) => `of the key ${keyId} it counts ${counted(count, what)}`;
  return [
    ...(issued === foundIssued ? [] : [`${has(issued, "issued token")}; the epoch has ${foundIssued} before it`]),
    ...(withheld === foundWithheld
      ? []
      : [`${has(withheld, "withheld token")}; the epoch has ${foundWithheld} before it`]),
    ...(signed === known ? [] : [`${has(signed, "signature")}, and tells what became of ${known}`]),
  ];
}
