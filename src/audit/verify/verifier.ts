import { CodedError } from "../../coded-error.ts";
import type { LogPolicy } from "../checkpoint/policy.ts";
import { WriterChain } from "./chain/writer-chain.ts";
import type { Entry } from "./entry.ts";
import type { LogFault, LogFaultCode } from "./fault.ts";
import { Checkpoints } from "./log/checkpoints.ts";
import { writerLinkFaults } from "./log/writer-links.ts";
import type { KnownEnd } from "./place.ts";
import { judgeWriter, type WriterVerdict } from "./writer-verdict.ts";

/** The last event of each writer that an earlier run has proven. */
export type KnownEnds = ReadonlyMap<string, KnownEnd>;

/** The events can't be verified. `NO_CHAIN`: nearly none of them follows another one, so that they are no whole log. */
export class VerifyError extends CodedError<"NO_CHAIN"> {}

export interface Verdict {
  readonly proven: boolean;
  /** Whether there was a policy, so that every checkpoint that counts has the signature of its log's key. */
  readonly signaturesChecked: boolean;
  /** Whether what came before the first message was removed from the stream, so that it was not read. */
  readonly trimmed: boolean;
  readonly writers: readonly WriterVerdict[];
  /** The first {@link MAX_FAULTS} of them. */
  readonly faults: readonly LogFault[];
  /** How many there are of each kind. */
  readonly counts: Readonly<Partial<Record<LogFaultCode, number>>>;
}

/** More faults are counted and not kept. */
export const MAX_FAULTS = 1_000;
/**
 * An event that waits for the one before it takes some 300 bytes, and about 4 KB where it is the first of its writer or
 * epoch. In a log that is whole, only those and replayed ones wait.
 */
const MAX_OPEN_LINKS = 100_000;

export interface VerifierOptions {
  readonly known?: KnownEnds;
  /** Whether chains may begin in the middle. */
  readonly partial?: boolean;
  /** The logs and keys to trust. Without it, signatures are not checked. */
  readonly policy?: LogPolicy | undefined;
  /** The events are a part that an archiver moves. */
  readonly part?: ArchivedPart | undefined;
}

/**
 * A part of a log. A writer of which an earlier part has events may have none in it: it was silent, or is no more. What
 * vouches for a writer that the policy does not name is the archiver's to know.
 */
interface ArchivedPart {
  /** The writers whose faults the operator knows: they are not noted. */
  readonly accepted: ReadonlySet<string>;
  /** Whether the operator knows of what is neither an event nor a checkpoint that counts: it is not noted. */
  readonly foreign?: boolean | undefined;
}

/**
 * Checks the events of a log: by the hash chain of each writer, by the checkpoints of its tree, and against the ends
 * that an earlier run has seen. It keeps 76 bytes an event, and 40 for one of a version that had no tree. Behind the last
 * checkpoint it can't see that the end of a log was cut off which no earlier run has seen, nor that somebody who can write as
 * the writer wrote another history.
 */
export class Verifier {
  readonly #known: KnownEnds;
  readonly #partial: boolean;
  readonly #policy: LogPolicy | undefined;
  readonly #part: ArchivedPart | undefined;
  readonly #checkpoints: Checkpoints;
  readonly #chains = new Map<string, WriterChain>();
  readonly #faults: LogFault[] = [];
  readonly #counts: Partial<Record<LogFaultCode, number>> = {};
  /** Of all writers: anybody who can publish can name a new one in each event. */
  #openLinks = 0;
  #trimmed = false;

  constructor({ known = new Map(), partial = false, policy, part }: VerifierOptions = {}) {
    this.#known = known;
    this.#partial = partial;
    this.#policy = policy;
    this.#part = part;
    this.#checkpoints = new Checkpoints(policy);
    for (const [writer, end] of known) this.#chains.set(writer, new WriterChain(writer, end));
  }

  /**
   * Adds what was read at `at`, a number from 1: an event, the note of a checkpoint, "" for an empty line, or undefined
   * for what is none of these. The order does not matter. Returns whether it counts: a checkpoint that is none, or that
   * the policy does not trust, does not.
   *
   * @throws VerifyError NO_CHAIN
   */
  add(line: Entry | string | undefined, at: number): boolean {
    if (typeof line === "object") return this.#addEvent(line, at);
    const fault: LogFault | undefined =
      line === undefined || line === ""
        ? { code: "UNREADABLE", message: line === "" ? "it is empty" : "this is not an audit event", at }
        : this.#checkpoints.add(line, at);
    if (fault !== undefined && this.#part?.foreign !== true) this.#note(fault);
    return fault === undefined;
  }

  /** Notes that the stream does not begin with its first message: a writer of which it has nothing may have been there. */
  noteTrimmed(): void {
    this.#trimmed = true;
  }

  #addEvent(entry: Entry, at: number): true {
    const chain = this.#chainOf(entry.writer);
    const before = chain.openLinks;
    chain.add(entry, at);
    this.#openLinks += chain.openLinks - before;
    if (this.#openLinks > MAX_OPEN_LINKS)
      throw new VerifyError(
        "NO_CHAIN",
        `more than ${MAX_OPEN_LINKS} events do not follow another one: \
these are not all events of their writers, or not in any order that a log has`,
      );
    return true;
  }

  /** Notes that the message at `at` says something else than its body; `what` names the header and never a value. */
  mismatch({ writer, epoch, seq, eventId }: Entry, at: number, what: string): void {
    this.#note({ code: "HEADER_MISMATCH", message: what, writer, place: { epoch, seq }, eventId, at });
  }

  /** What was proven by all that was added. */
  judge(): Verdict {
    // In a part of a log, checkpoints of a silent writer say nothing of what is there.
    if (!this.#partial) for (const writer of this.#checkpoints.writers()) this.#chainOf(writer);
    const isPart = this.#part !== undefined;
    const options = { partial: this.#partial, policy: this.#policy, strangers: isPart, silent: isPart };
    const judged = Array.from(this.#chains.values(), (chain) =>
      judgeWriter(chain, this.#checkpoints.of(chain.writer), options),
    );
    for (const { faults } of judged) for (const fault of faults) this.#note(fault);
    const context = { chains: this.#chains, partial: this.#partial, trimmed: this.#trimmed, policy: this.#policy };
    for (const fault of writerLinkFaults(context)) this.#note(fault);
    const writers = judged.map(({ verdict }) => verdict).toSorted((a, b) => (a.writer < b.writer ? -1 : 1));
    if (writers.every(({ events }) => events === 0) && this.#known.size === 0)
      this.#note({ code: "EMPTY", message: "the log has no event" });
    return {
      proven: Object.keys(this.#counts).length === 0,
      signaturesChecked: this.#policy !== undefined,
      trimmed: this.#trimmed,
      writers,
      faults: this.#faults,
      counts: this.#counts,
    };
  }

  #chainOf(writer: string): WriterChain {
    let chain = this.#chains.get(writer);
    if (chain === undefined) {
      chain = new WriterChain(writer);
      this.#chains.set(writer, chain);
    }
    return chain;
  }

  #note(fault: LogFault): void {
    if (fault.writer !== undefined && this.#part?.accepted.has(fault.writer)) return;
    this.#counts[fault.code] = (this.#counts[fault.code] ?? 0) + 1;
    if (this.#faults.length < MAX_FAULTS) this.#faults.push(fault);
  }
}
