import type { LogPolicy } from "../checkpoint/policy.ts";
import { isVouchedFor, knownFaults } from "./chain/known-faults.ts";
import { linkFaults, rivalFaults } from "./chain/link-faults.ts";
import { placeBefore, runsOf } from "./chain/runs.ts";
import type { WriterChain } from "./chain/writer-chain.ts";
import type { Finding, LogFault } from "./fault.ts";
import type { ReadCheckpoint } from "./log/checkpoints.ts";
import { countFaults } from "./log/count-faults.ts";
import { judgeLog, type LogVerdict } from "./log/log-verdict.ts";
import { strangerFaults } from "./log/stranger-faults.ts";
import { type ChainPlace, comparePlaces, type Vouched } from "./place.ts";

/** What the log proves of a writer. */
export interface WriterVerdict {
  readonly writer: string;
  /** Different events. */
  readonly events: number;
  /** Events that came again: delivery is at least once. */
  readonly duplicates: number;
  /** Undefined where the log has no event of the writer. */
  readonly first: ChainPlace | undefined;
  readonly last: ChainPlace | undefined;
  /** Whether `first` is the first event that the writer ever wrote. */
  readonly whole: boolean;
  /** The end of the chain before its first fault. */
  readonly provenTo: Vouched | undefined;
  /** How many of `events` no checkpoint proves that counts and was compared. */
  readonly uncovered: number;
  /** Undefined for a writer of a version that had no log. */
  readonly log: LogVerdict | undefined;
}

export interface JudgeOptions {
  /** Whether a chain may begin in the middle. */
  readonly partial: boolean;
  readonly policy: LogPolicy | undefined;
  /** Whether the caller looks after what vouches for a writer that the policy does not name. */
  readonly strangers: boolean;
  /** Whether a writer that an earlier run has seen may have no event. */
  readonly silent: boolean;
}

/** Judges a writer when all events were added. */
export function judgeWriter(
  chain: WriterChain,
  checkpoints: readonly ReadCheckpoint[],
  { partial, policy, strangers, silent }: JudgeOptions,
): { readonly verdict: WriterVerdict; readonly faults: readonly LogFault[] } {
  const runs = runsOf(chain.epochs);
  const log = judgeLog(chain, runs, checkpoints, policy?.names(chain.writer) ?? false);
  const links = [...linkFaults(chain, runs, (place) => partial || isVouchedFor(chain, place))];
  const findings = [
    ...links,
    ...rivalFaults(chain),
    ...(silent && chain.events === 0 ? [] : knownFaults(chain)),
    ...(policy === undefined || strangers ? [] : strangerFaults(chain, log.verdict !== undefined, policy)),
    ...unexplained(log.findings, links),
    ...countFaults(chain),
  ];
  const doubts = findings.flatMap(({ doubt }) => (doubt === undefined ? [] : [doubt]));
  const doubt = doubts.toSorted(comparePlaces)[0];
  const end = doubt === undefined ? chain.last : placeBefore(doubt, runs);
  return {
    verdict: {
      writer: chain.writer,
      events: chain.events,
      duplicates: chain.duplicates,
      first: chain.first,
      last: chain.last,
      whole: isWhole(chain),
      provenTo: end && chain.vouched(end),
      uncovered: chain.events - (log.verdict?.covered ?? 0),
      log: log.verdict,
    },
    faults: findings.map(({ fault }) => fault).toSorted(byPlace),
  };
}

/** Where a link does not hold, the index of the event says no more: events were altered, or are missing. */
function unexplained(findings: readonly Finding[], links: readonly Finding[]): Finding[] {
  const textOf = ({ fault: { place } }: Finding) => place && `${place.epoch}/${place.seq}`;
  const explained = new Set(links.map(textOf));
  return findings.filter((finding) => finding.fault.code !== "LOG_INDEX" || !explained.has(textOf(finding)));
}

function isWhole(chain: WriterChain): boolean {
  const { epoch, seq } = chain.first ?? { epoch: 0, seq: 0 };
  return (
    seq === 1 &&
    chain
      .epoch(epoch)
      .open.of(1)
      .some(({ prevHash }) => prevHash === "")
  );
}

const NOWHERE: ChainPlace = { epoch: 0, seq: 0 };

function byPlace({ place: left = NOWHERE }: LogFault, { place: right = NOWHERE }: LogFault): number {
  return comparePlaces(left, right);
}
