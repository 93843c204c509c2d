import { type Finding, placedFault } from "../fault.ts";
import type { ChainPlace } from "../place.ts";
import { isAt } from "./epoch.ts";
import type { OpenLink } from "./open-links.ts";
import { ABSENT, KNOWN } from "./places.ts";
import type { ChainRun } from "./runs.ts";
import type { WriterChain } from "./writer-chain.ts";

/**
 * Where the chain does not hold: gaps, links that lead to another event, and a beginning in the middle, unless the chain
 * `mayBegin` there.
 */
export function* linkFaults(
  chain: WriterChain,
  runs: readonly ChainRun[],
  mayBegin: (place: ChainPlace) => boolean,
): Generator<Finding> {
  for (const [at, { epoch, from }] of runs.entries()) {
    const { places, open } = chain.epoch(epoch);
    const place = { epoch, seq: from };
    const links = open.of(from);
    const before = runs[at - 1];
    // An event that was not read in this run has no link to judge.
    if (places.at(from) === KNOWN) continue;
    if (before === undefined) {
      if (!mayBegin(place)) yield* beginningFaults(chain, place, links);
    } else if (from > 1) yield gap(chain, place, links, before);
    else yield* brokenLinks(chain, place, links, { epoch: before.epoch, seq: before.to });
  }
  for (const [epoch, { places, open }] of chain.epochs)
    for (const seq of open.places())
      if (seq > 1 && places.at(seq - 1) !== ABSENT)
        yield* brokenLinks(chain, { epoch, seq }, open.of(seq), { epoch, seq: seq - 1 });
}

/** Two events at one place. */
export function* rivalFaults(chain: WriterChain): Generator<Finding> {
  for (const [number, { places, rivals }] of chain.epochs)
    for (const [seq, others] of rivals) {
      const place = { epoch: number, seq };
      const otherAt = places.at(seq);
      for (const { eventId, at } of others.values()) {
        const fault =
          otherAt === KNOWN
            ? placedFault(chain, "OTHER_HISTORY", place, "it is another event than the earlier run saw here")
            : { ...placedFault(chain, "FORK", place, "another event has the same place"), otherAt };
        yield { fault: { ...fault, eventId, at }, doubt: place };
      }
    }
}

function* beginningFaults(chain: WriterChain, place: ChainPlace, links: readonly OpenLink[]): Generator<Finding> {
  const message = "the chain begins here, in the middle: the events before are missing";
  for (const { prevHash, eventId, at } of links)
    if (place.seq > 1 || prevHash !== "")
      yield { fault: { ...placedFault(chain, "NO_BEGINNING", place, message), eventId, at }, doubt: undefined };
}

function gap(chain: WriterChain, place: ChainPlace, links: readonly OpenLink[], before: ChainRun): Finding {
  const first = before.epoch === place.epoch ? before.to + 1 : 1;
  const last = place.seq - 1;
  const missing = first === last ? `event seq ${first} is` : `events seq ${first} to ${last} are`;
  const { eventId, at } = links[0] ?? {};
  const fault = placedFault(chain, "GAP", place, `${missing} missing before it`);
  return {
    fault: { ...fault, ...(eventId === undefined ? {} : { eventId }), ...(at === undefined ? {} : { at }) },
    doubt: { epoch: place.epoch, seq: first },
  };
}

function* brokenLinks(
  chain: WriterChain,
  place: ChainPlace,
  links: readonly OpenLink[],
  before: ChainPlace,
): Generator<Finding> {
  const epoch = chain.epoch(before.epoch);
  const end = place.seq === 1 ? `, or events after epoch ${before.epoch} seq ${before.seq} are missing` : "";
  const message = `it does not link to the event at epoch ${before.epoch} seq ${before.seq}: one of the two was altered, \
inserted or moved${end}`;
  const otherAt = epoch.places.at(before.seq);
  for (const { prevHash, eventId, at } of links)
    if (!isAt(epoch, before.seq, prevHash))
      yield {
        fault: {
          ...placedFault(chain, "BROKEN_LINK", place, message),
          eventId,
          at,
          // An event that was not read in this run has no position.
          ...(otherAt > 0 ? { otherAt } : {}),
        },
        doubt: before,
      };
}
