import { counted } from "../../../counted.ts";
import { type Edge, EMPTY_EDGE } from "../../tree/edge.ts";
import { isRead } from "../chain/known-faults.ts";
import type { ChainRun } from "../chain/runs.ts";
import type { WriterChain } from "../chain/writer-chain.ts";
import { type Finding, type LogFault, placedFault } from "../fault.ts";
import { type ChainPlace, placeOf } from "../place.ts";
import type { ReadCheckpoint } from "./checkpoints.ts";
import { countRead, endOf, indexFaults, type LogSpan, placeAt, spansOf, unindexedFaults } from "./spans.ts";
import { type GrownTree, growTree } from "./tree.ts";

/** What the checkpoints prove of a writer's log. */
export interface LogVerdict {
  /** The last checkpoint that the events agree with: it proves all events before its size. */
  readonly checkpoint: ProvenCheckpoint | undefined;
  /** Undefined where the log's beginning is not known, so that no checkpoint can be compared. */
  readonly edge: Edge | undefined;
  /** How many of the events that were read the checkpoint proves. */
  readonly covered: number;
}

interface ProvenCheckpoint {
  readonly origin: string;
  /** How many events it covers, from the writer's first one on. */
  readonly size: number;
  /** That of the last event that it covers. Undefined for none, and for one that an earlier run saw. */
  readonly place: ChainPlace | undefined;
}

/**
 * Judges a writer's log by its checkpoints, the smallest first. The verdict is undefined for a writer without a log;
 * `isNamed`: the policy has one.
 */
export function judgeLog(
  chain: WriterChain,
  runs: readonly ChainRun[],
  checkpoints: readonly ReadCheckpoint[],
  isNamed: boolean,
): { readonly verdict: LogVerdict | undefined; readonly findings: readonly Finding[] } {
  const spans = spansOf(chain, runs);
  if (spans.length === 0 && chain.known?.edge === undefined && checkpoints.length === 0 && !isNamed)
    return { verdict: undefined, findings: [] };
  const start = startOf(chain, spans);
  const sizes = checkpoints.map(({ size }) => size);
  const tree = start && growTree(chain, spans, start, sizes);
  const checkpoint = tree && lastProven(tree, spans, checkpoints);
  return {
    verdict: { checkpoint, edge: tree?.edge, covered: countRead(chain, spans, checkpoint?.size ?? 0) },
    findings: [
      ...unindexedFaults(chain),
      ...indexFaults(chain, spans),
      ...mismatches(chain, spans, tree, checkpoints),
      ...ahead(chain, spans, checkpoints),
    ],
  };
}

/** The tree from which the log can be followed: the empty one where its first event was read, or that of an earlier run. */
function startOf(chain: WriterChain, [first]: readonly LogSpan[]): Edge | undefined {
  const edge = chain.known?.edge;
  if (first === undefined) return chain.known === undefined ? EMPTY_EDGE : edge;
  if (first.index === 0 && isRead(chain, { ...first, seq: first.from })) return EMPTY_EDGE;
  return edge !== undefined && first.index <= edge.size ? edge : undefined;
}

function lastProven(
  { roots }: GrownTree,
  spans: readonly LogSpan[],
  checkpoints: readonly ReadCheckpoint[],
): ProvenCheckpoint | undefined {
  const last = checkpoints.findLast(({ size, root }) => roots.get(size)?.equals(root));
  return last && { origin: last.origin, size: last.size, place: placeAt(spans, last.size - 1) };
}

/** One fault for all checkpoints that disagree one after the other: an altered event is in all that follow it. */
function* mismatches(
  chain: WriterChain,
  spans: readonly LogSpan[],
  tree: GrownTree | undefined,
  checkpoints: readonly ReadCheckpoint[],
): Generator<Finding> {
  let isMismatch = false;
  let agreed = 0;
  // Of one size there may be several, of which one agrees: it proves what is before its own size, and not before theirs.
  for (const [size, ofSize] of Map.groupBy(checkpoints, (checkpoint) => checkpoint.size)) {
    const own = tree?.roots.get(size);
    if (own === undefined) continue;
    for (const { root, at } of ofSize) {
      if (own.equals(root)) isMismatch = false;
      else if (!isMismatch) {
        isMismatch = true;
        yield { fault: { ...mismatch(chain, spans, size, agreed), at }, doubt: placeAt(spans, agreed) };
      }
    }
    if (ofSize.some(({ root }) => own.equals(root))) agreed = size;
  }
}

function mismatch(chain: WriterChain, spans: readonly LogSpan[], size: number, agreed: number): LogFault {
  const place = placeAt(spans, agreed) ?? placeOf(chain.known ?? { epoch: 1, seq: 1 });
  const [first, last] = [placeText(spans, agreed), placeText(spans, size - 1)];
  const message = `the checkpoint of ${counted(size, "event")} was made of others: one from ${first} to ${last} was altered, or it is \
of another history`;
  return placedFault(chain, "CHECKPOINT_MISMATCH", place, message);
}

/** The largest checkpoint alone, since it covers what the others cover. None where no size of the log is known. */
function* ahead(
  chain: WriterChain,
  spans: readonly LogSpan[],
  checkpoints: readonly ReadCheckpoint[],
): Generator<Finding> {
  if (spans.length === 0 && chain.known !== undefined && chain.known.edge === undefined) return;
  const largest = checkpoints.at(-1);
  const end = Math.max(endOf(spans), chain.known?.edge?.size ?? 0);
  if (largest === undefined || largest.size <= end) return;
  const { size, at } = largest;
  const message = `the checkpoint covers ${counted(size, "event")}; the log ends after ${end}: its end was cut off, or a backup was \
put back`;
  const fault: LogFault = { code: "CHECKPOINT_AHEAD", message, writer: chain.writer, at };
  yield { fault: { ...fault, ...(chain.last === undefined ? {} : { place: chain.last }) }, doubt: undefined };
}

function placeText(spans: readonly LogSpan[], index: number): string {
  const place = placeAt(spans, index);
  return place === undefined ? `index ${index}` : `epoch ${place.epoch} seq ${place.seq}`;
}
