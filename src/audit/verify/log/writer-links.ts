import type { LogPolicy } from "../../checkpoint/policy.ts";
import { writerOf } from "../../stream-message.ts";
import type { StatementAt, WriterChain } from "../chain/writer-chain.ts";
import { type LogFault, type LogFaultCode, placedFault } from "../fault.ts";
import { comparePlaces } from "../place.ts";

interface Context {
  readonly chains: ReadonlyMap<string, WriterChain>;
  /** Whether events of other writers may be missing. */
  readonly partial: boolean;
  /** Whether the stream does not begin with its first message: the writer before another one may be gone. */
  readonly trimmed: boolean;
  readonly policy: LogPolicy | undefined;
}

/** Where what writers say of the beginning and the end of their logs does not fit. */
export function* writerLinkFaults(context: Context): Generator<LogFault> {
  for (const chain of context.chains.values())
    for (const stated of chain.statements) {
      if (stated.statement.kind === "opened") yield* openedFaults(chain, stated, context);
      if (stated.statement.kind === "closed") yield* closedFaults(chain, stated, context);
    }
}

function* openedFaults(chain: WriterChain, stated: StatementAt, context: Context): Generator<LogFault> {
  if (stated.statement.kind !== "opened") return;
  const { origin, verifierKey, predecessor } = stated.statement;
  if (stated.index !== 0) yield faultAt(chain, stated, "WRITER_LINK", "it opens a log that has begun before");
  if (writerOf(origin) !== chain.writer)
    yield faultAt(chain, stated, "WRITER_LINK", `it opens the log ${origin}, which is not that of its writer`);
  else if (context.policy?.names(chain.writer) && !context.policy.trusts(origin, verifierKey))
    yield faultAt(
      chain,
      stated,
      "UNKNOWN_LOG",
      `the policy does not have the log ${origin} with the key that it began with`,
    );
  // Of a writer that an earlier run has seen, the predecessor may be gone since.
  const mayBeGone = context.trimmed || chain.known !== undefined;
  if (predecessor !== "" && !mayBeGone && isMissing(predecessor, context))
    yield faultAt(chain, stated, "WRITER_LINK", `the log has no event of the writer before, ${predecessor}`);
}

function* closedFaults(chain: WriterChain, stated: StatementAt, context: Context): Generator<LogFault> {
  if (stated.statement.kind !== "closed") return;
  const { successor } = stated.statement;
  if (chain.last !== undefined && comparePlaces(chain.last, stated) > 0)
    yield faultAt(chain, stated, "WRITER_LINK", "it closes a log that goes on after it");
  if (successor === "") return;
  const opened = context.chains.get(successor)?.opened;
  if (isMissing(successor, context))
    yield faultAt(chain, stated, "WRITER_LINK", `the log has no event of the writer that follows, ${successor}`);
  else if (opened !== undefined && opened.predecessor !== chain.writer)
    yield faultAt(chain, stated, "WRITER_LINK", `the writer that follows, ${successor}, names another one before it`);
}

function isMissing(writer: string, { chains, partial }: Context): boolean {
  const chain = chains.get(writer);
  return !partial && chain?.known === undefined && (chain?.events ?? 0) === 0;
}

function faultAt(chain: WriterChain, stated: StatementAt, code: LogFaultCode, message: string): LogFault {
  const { epoch, seq, eventId, at } = stated;
  return { ...placedFault(chain, code, { epoch, seq }, message), eventId, at };
}
