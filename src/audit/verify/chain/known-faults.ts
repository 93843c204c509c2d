import { type Finding, placedFault } from "../fault.ts";
import { type ChainPlace, comparePlaces, placeOf } from "../place.ts";
import { KNOWN } from "./places.ts";
import type { WriterChain } from "./writer-chain.ts";

/** What an earlier run saw and this one does not. */
export function* knownFaults(chain: WriterChain): Generator<Finding> {
  const { known, first, last } = chain;
  if (known === undefined || isRead(chain, known)) return;
  const place = placeOf(known);
  const older = (message: string) => ({ fault: placedFault(chain, "OLDER", place, message), doubt: undefined });
  if (last === undefined) yield older("the earlier run saw the writer up to here; the log has no event of it");
  else if (comparePlaces(last, place) < 0)
    yield older(`the earlier run saw the log up to here; now it ends at epoch ${last.epoch} seq ${last.seq}`);
  else if (first !== undefined && comparePlaces(first, place) < 0 && !chain.hasRival(place)) {
    const message = "the earlier run saw an event here; the log goes on without it";
    yield { fault: placedFault(chain, "OTHER_HISTORY", place, message), doubt: place };
  }
}

/** Whether an earlier run saw the chain to this place or a later one, and the log has what it saw. */
export function isVouchedFor(chain: WriterChain, place: ChainPlace): boolean {
  const { known } = chain;
  if (known === undefined || comparePlaces(known, place) < 0) return false;
  return isRead(chain, known) && !chain.hasRival(known);
}

/** Whether the event was read in this run. */
export function isRead(chain: WriterChain, { epoch, seq }: ChainPlace): boolean {
  return chain.epoch(epoch).places.at(seq) !== KNOWN;
}
